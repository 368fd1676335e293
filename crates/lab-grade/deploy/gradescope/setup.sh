#!/bin/sh
# Gradescope runs this once, when it builds the image: what runs the programs of students.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends \
    python3 default-jdk-headless nodejs ruby perl php-cli golang-go gcc g++ libc6-dev erlang-base
apt-get clean
