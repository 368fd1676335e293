#!/bin/sh
# A class as a Slurm array: every task grades its share of the submissions.
#
#   sbatch --array=0-3 --export=ALL,CLASS=/shared/handed-in,RESULTS=/shared/results crates/lab-grade/deploy/slurm.sh
#   lab-grade merge /shared/results/shard-* --csv class.csv --html pages        (when all tasks have ended)
#
# lab-grade and the lab's programs are on the PATH of the nodes; CLASS and RESULTS are on a file system that all see. A task
# that is started again goes on where it was interrupted.
#SBATCH --job-name=lab-grade
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH --time=02:00:00
set -eu
: "${CLASS:?the folder with the submissions}" "${RESULTS:?the folder for the results}"
shard=$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN + 1))
status=0
lab-grade --class "$CLASS" --shard "$shard/$SLURM_ARRAY_TASK_COUNT" --out "$RESULTS/shard-$shard" || status=$?
# 1 is for a case that was not passed: the task has done its work.
[ "$status" -le 1 ]
