//! A class on several machines: the job files of Slurm and Kubernetes, as processes, and a merge that equals a single run.

use std::{fs, path::Path, process::Command};

use lab_process::Program;
use lab_test::PATIENCE;

use crate::grading::{LAB_GRADE, lacks, submission};

/// The file of a job.
fn job(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)).unwrap()
}

/// The script of the pod: the lines below `- |`, without their indentation.
fn script_of_pod(manifest: &str) -> String {
    let block = manifest.split_once("- |\n").expect("a script").1;
    let lines = block.lines().take_while(|line| line.starts_with("              "));
    lines.map(|line| line.trim_start().to_owned() + "\n").collect()
}

/// Runs a script once for each of these environments, at the same time, where `lab-grade` is on the PATH.
#[track_caller]
fn run_all(place: &Path, script: &str, out: &str, environments: &[Vec<(&str, &str)>]) {
    let path = format!("{}:{}", Path::new(LAB_GRADE).parent().unwrap().display(), std::env::var("PATH").unwrap());
    let start = |environment: &Vec<(&str, &str)>| {
        // The cases of a test are few: an option that the scripts do not have.
        let script = script.replace("lab-grade --class", "lab-grade --only part2-at-once --class");
        let mut command = Command::new("sh");
        command.args(["-euc", &script]).current_dir(place).env("PATH", &path).env_remove("LAB_SERVER");
        command.env("CLASS", "class").env("RESULTS", out).envs(environment.iter().copied());
        Program::spawn(command).unwrap()
    };
    for process in environments.iter().map(start).collect::<Vec<_>>() {
        let outcome = process.finish(PATIENCE).unwrap();
        // A case that was not passed is no failure of the job.
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
    }
}

/// The table of what is in these folders.
fn merged(place: &Path, folders: &[String]) -> String {
    let mut merge = Command::new(LAB_GRADE);
    merge.current_dir(place).arg("merge").args(folders).args(["--csv", "merged.csv"]);
    assert_eq!(Program::spawn(merge).unwrap().finish(PATIENCE).unwrap().code(), 1);
    fs::read_to_string(place.join("merged.csv")).unwrap()
}

#[test]
fn the_jobs_of_slurm_and_kubernetes_that_are_merged_equal_a_single_run() {
    if lacks(&["python3"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let class = place.path().join("class");
    submission(&class.join("Lab3_1_2"), &[("Part2", "import sys\nsys.exit('no')\n")]);
    submission(&class.join("Lab3_3_4"), &[]);
    // The same identity in two submissions is noted by whichever machine has them.
    submission(&class.join("Lab3_4_6"), &[("Part2", "print('This is PMU data 1')\n")]);
    let arguments = ["--out", "whole", "--csv", "whole.csv", "--only", "part2-at-once", "--class", "class"];
    let mut whole = Command::new(LAB_GRADE);
    whole.current_dir(place.path()).args(arguments).env_remove("LAB_SERVER");
    assert_eq!(Program::spawn(whole).unwrap().finish(PATIENCE).unwrap().code(), 1);
    let whole = fs::read_to_string(place.path().join("whole.csv")).unwrap();
    assert!(whole.contains("4 is also in Lab3_4_6") && whole.contains("4 is also in Lab3_3_4"), "{whole}");

    let slurm = |id| vec![("SLURM_ARRAY_TASK_ID", id), ("SLURM_ARRAY_TASK_MIN", "4"), ("SLURM_ARRAY_TASK_COUNT", "2")];
    run_all(place.path(), &job("slurm.sh"), "slurm", &[slurm("4"), slurm("5")]);
    assert_eq!(merged(place.path(), &[2, 1].map(|shard| format!("slurm/shard-{shard}"))), whole);

    let manifest = job("kubernetes.yaml");
    assert!(manifest.contains("completions: 4") && manifest.contains("value: \"4\""), "as many shards as pods");
    let pod = |index| vec![("JOB_COMPLETION_INDEX", index), ("SHARDS", "4")];
    run_all(place.path(), &script_of_pod(&manifest), "pods", &["0", "1", "2", "3"].map(pod));
    assert_eq!(merged(place.path(), &[1, 2, 3, 4].map(|shard| format!("pods/shard-{shard}"))), whole);
}
