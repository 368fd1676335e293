//! Programs that try what no program may: one class of them, graded side by side. Each says `GAINED` where it succeeded,
//! and each prints a right answer that it did not receive. None gains a point.

use std::{
    fs,
    io::ErrorKind,
    net::TcpListener,
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
    process::Command,
};

use lab_process::Program;
use lab_test::PATIENCE;

use crate::grading::{Grading, LAB_GRADE, lacks};

/// What all of them begin with.
const BEGIN: &str = r"
import os, signal, socket, subprocess, sys, time
def attempt(what):
    try:
        gained = what()
        print('GAINED ' + str(gained)[:100] if gained else 'nothing')
    except BaseException as error:
        print('refused', error)
def listed(folder):
    try: return [name for name in os.listdir(folder)]
    except OSError: return []
def others():
    return [int(name) for name in os.listdir('/proc') if name.isdigit() and int(name) not in (1, os.getpid())]
def read(path):
    with open(path, 'rb') as file: return file.read(10000)
def can_write(path):
    with open(path, 'ab'): return path
def filled(folder):
    size = 0
    try:
        for number in range(12):
            with open(f'{folder}/fill{number}', 'wb') as file: size += file.write(bytes(8 << 20))
    except OSError as error: print(error)
    return size > 64 << 20
def connected(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as link:
        link.settimeout(1)
        link.connect(address)
        return address
";

/// What all of them end with.
const END: &str = "\nprint('tried')\nprint('\\n'.join(f'This is PMU data {n}' for n in range(1, 11)))\n";

/// What it tries, and how. `{place}` is the folder of the grading, with `secret.txt`.
const PROGRAMS: &[(&str, &str)] = &[
    ("print the answer without a socket", ""),
    ("read the results", "attempt(lambda: listed('{place}/out') or os.path.exists('{place}/grades.json'))"),
    ("read another submission", "attempt(lambda: listed('{place}/class'))"),
    ("read a file of who grades", "attempt(lambda: read('{place}/secret.txt'))"),
    ("read it by a link in its folder", "attempt(lambda: b'secret' in read('link.txt'))"),
    (
        "read the home",
        "home = os.path.expanduser('~')\n\
         attempt(lambda: [name for name in ('.bashrc', '.profile', '.ssh', '.gitconfig') if name in listed(home)])",
    ),
    ("read the passwords", "attempt(lambda: read('/etc/shadow'))"),
    ("find the grader", "attempt(lambda: [1 for one in others() if b'--class' in read(f'/proc/{one}/cmdline')])"),
    (
        "read the variables of the grader",
        "for one in [1] + others(): attempt(lambda: b'OF_GRADER' in read(f'/proc/{one}/environ'))\n\
         attempt(lambda: 'OF_GRADER' in os.environ)",
    ),
    ("read the memory of its parent", "attempt(lambda: open(f'/proc/{os.getppid()}/mem', 'rb'))"),
    (
        "recognise the grader",
        "attempt(lambda: [name for name in os.environ if name.startswith('LAB')])\n\
         attempt(lambda: b'lab' in read(f'/proc/{os.getppid()}/comm'))",
    ),
    (
        "signal all others",
        "def reached(one):\n    try: os.kill(one, 0); return True\n    except OSError: return False\n\
         attempt(lambda: [one for one in range(2, 40000) if one != os.getpid() and reached(one)])\n\
         os.kill(1, signal.SIGKILL)",
    ),
    ("write its result", "attempt(lambda: can_write('{place}/grades.json'))"),
    ("write the journal", "attempt(lambda: can_write('{place}/out/journal.jsonl'))"),
    (
        "change the system",
        "for path in ('/etc/passwd', '/usr/bin/x', '/proc/sys/kernel/core_pattern', '/sys/kernel/uevent_helper',\n\
         '/proc/sysrq-trigger', '/sys/fs/cgroup/cgroup.procs'): attempt(lambda: can_write(path))",
    ),
    (
        "write to a disk",
        "attempt(lambda: [name for name in os.listdir('/dev') if name[:2] in ('sd', 'vd', 'nv', 'lo')])",
    ),
    ("write to the terminal", "attempt(lambda: can_write('/dev/tty'))"),
    (
        "undo the mounts",
        "attempt(lambda: subprocess.run(['umount', '/run']).returncode == 0)\n\
         attempt(lambda: subprocess.run(['unshare', '-Urm', 'umount', '/run']).returncode == 0)",
    ),
    (
        "raise its limits",
        "import resource\n\
         attempt(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 40, 1 << 40)) or 'size')",
    ),
    ("fill /tmp", "attempt(lambda: filled('/tmp'))"),
    ("fill its folder", "attempt(lambda: filled('.'))"),
    ("fill the memory", "attempt(lambda: len(bytearray(5 << 30)))"),
    (
        "fork on and on",
        "def forked():\n    for _ in range(600):\n        if os.fork() == 0:\n            time.sleep(60)\n            os._exit(0)\n\
         \x20   return 'FORKS'\nattempt(forked)",
    ),
    (
        "leave a daemon",
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(300)\n    os._exit(0)",
    ),
    ("write without end", "print('tried')\nwhile True: print('x' * 10000)"),
    (
        "stay for ever",
        "for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(name, signal.SIG_IGN)\n\
         print('tried')\nsys.stdout.flush()\nwhile True: time.sleep(1)",
    ),
    ("close its input", "os.close(0)"),
    ("connect to this machine", "attempt(lambda: connected(socket.AF_INET, ('127.0.0.1', {port})))"),
    ("connect to another machine", "attempt(lambda: connected(socket.AF_INET, ('192.0.2.1', 80)))"),
    ("connect by a file", "attempt(lambda: connected(socket.AF_UNIX, '{place}/socket'))"),
    (
        "know its second run",
        "attempt(lambda: os.path.exists('was-here') or os.path.exists('/tmp/was-here'))\n\
         for path in ('was-here', '/tmp/was-here', '/dev/shm/was-here'): open(path, 'w').close()",
    ),
    ("draw on the terminal", "print('\\x1b[2J\\x1b]0;x\\x07<script>alert(1)</script>')"),
];

#[test]
fn no_program_gains_a_point_or_does_harm() {
    if lacks(&["python3"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    let by_file = UnixListener::bind(place.path().join("socket")).unwrap();
    fs::write(place.path().join("secret.txt"), "secret").unwrap();
    for (number, (_, harm)) in PROGRAMS.iter().enumerate() {
        let folder = folder_of(place.path(), number);
        fs::create_dir_all(&folder).unwrap();
        let harm = harm.replace("{place}", place.path().to_str().unwrap());
        let harm = harm.replace("{port}", &outside.local_addr().unwrap().port().to_string());
        fs::write(folder.join(format!("Part2_{number}_0.py")), format!("{BEGIN}{harm}{END}")).unwrap();
    }
    let by_link = PROGRAMS.iter().position(|(what, _)| what.contains("by a link")).unwrap();
    symlink(place.path().join("secret.txt"), folder_of(place.path(), by_link).join("link.txt")).unwrap();

    let only = ["--only", "part2-at-once", "--edition", "handout", "--jobs", "256"];
    let mut command = Command::new(LAB_GRADE);
    command.current_dir(place.path()).args(only).args(["--out", "out", "--json", "grades.json", "--class", "class"]);
    let grader = Program::spawn(command_with_secret(command)).unwrap();
    let grading = Grading::in_place(place, grader.finish(PATIENCE).unwrap());
    let (place, said) = (grading.place.path(), grading.outcome.stderr());
    if said.contains("are not confined") {
        lab_test::skip(&said);
        return;
    }
    assert_eq!(grading.outcome.code(), 1, "{said}");
    let shown = [grading.outcome.stdout(), said.clone()].concat();
    assert!(!shown.contains(['\u{1b}', '\u{7}']), "{shown}");

    let submissions = grading.json["submissions"].as_array().unwrap();
    assert_eq!(submissions.len(), PROGRAMS.len());
    let mut wrong = Vec::new();
    for (number, (what, _)) in PROGRAMS.iter().enumerate() {
        let name = format!("Lab3_{number}_0");
        let submission = submissions.iter().find(|one| one["name"] == name.as_str()).unwrap();
        let output = |run: &str| {
            let file = format!("out/submissions/{name}/part2/usual/{run}output/part2-short-0.txt");
            fs::read_to_string(place.join(file)).unwrap_or_default()
        };
        let output = [output(""), output("again/")].concat();
        let is_excused = output.contains("GAINED FORKS") && said.contains("limit of processes");
        let case = submission["cases"].as_array().unwrap().iter().find(|case| case["name"] == "part2-at-once").unwrap();
        let is_ended = *what != "leave a daemon" || case["seconds"].as_f64().unwrap() < 15.0;
        if submission["score"] != 0
            || !output.contains("tried")
            || output.contains("GAINED") && !is_excused
            || !is_ended
        {
            let seen: String = output.chars().take(1500).collect();
            wrong.push(format!("{what}: score {}, {} s\n{seen}", submission["score"], case["seconds"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    outside.set_nonblocking(true).unwrap();
    by_file.set_nonblocking(true).unwrap();
    assert_eq!(outside.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(by_file.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    // Each folder is as it was handed in.
    for (number, (what, _)) in PROGRAMS.iter().enumerate() {
        let left = fs::read_dir(folder_of(place, number)).unwrap().count();
        assert_eq!(left, if number == by_link { 2 } else { 1 }, "{what}");
    }
}

fn folder_of(place: &Path, number: usize) -> std::path::PathBuf {
    place.join("class").join(format!("Lab3_{number}_0"))
}

fn command_with_secret(mut command: Command) -> Command {
    command.env("OF_GRADER", "secret").env_remove("LAB_SERVER");
    command
}
