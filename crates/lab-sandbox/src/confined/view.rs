//! What a confined program sees of the files: the system read-only, few devices, no home, a few folders of its own.

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::symlink},
    },
    path::{Component, Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::stat::Mode,
};

use super::Confinement;
use crate::Error;

/// The maximum of all that a program writes into its folders, as an option of tmpfs (ours).
const QUOTA: &str = "mode=755,size=64m,nr_inodes=8192";

/// What is hidden from every program.
const HIDDEN: [&str; 14] = [
    "/home",
    "/root",
    "/run",
    "/mnt",
    "/media",
    "/srv",
    "/boot",
    "/var/log",
    "/var/mail",
    "/var/spool",
    "/var/backups",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/ssh",
];

/// Where every program may write.
const PRIVATE: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// The devices that a program may need.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Where runtimes are installed in a home folder. Nothing secret is kept there.
const RUNTIMES: [&str; 17] = [
    ".pyenv",
    ".rbenv",
    ".asdf",
    ".nvm",
    ".sdkman",
    ".volta",
    ".jdks",
    ".rustup",
    ".cargo/bin",
    ".local/bin",
    ".local/lib",
    ".local/share/uv",
    ".local/share/mise",
    ".linuxbrew",
    "miniconda3",
    "anaconda3",
    "go",
];

/// The variables that name a runtime's folder.
const RUNTIME_VARIABLES: [&str; 4] = ["JAVA_HOME", "PYENV_ROOT", "GOROOT", "RUSTUP_HOME"];

const NOTHING: Option<&str> = None;

/// How a path is shown. Of two for one path the later one here counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Hidden,
    Shown,
    Private,
    Copied,
    Kept,
}

/// A path with what was there before anything was hidden.
struct Place {
    path: PathBuf,
    kind: Kind,
    source: OwnedFd,
    is_folder: bool,
}

/// A folder or a link on the way to a place, as its path has it.
enum Step {
    Folder(PathBuf),
    Link(PathBuf, PathBuf),
}

/// The way to a path, which may lead over links and `..`.
fn way_to(path: &Path) -> Vec<Step> {
    let mut so_far = PathBuf::new();
    let mut step = |component: Component<'_>| {
        so_far.push(component);
        match fs::read_link(&so_far) {
            Ok(target) => Step::Link(so_far.clone(), target),
            Err(_) => Step::Folder(so_far.clone()),
        }
    };
    path.components().map(&mut step).collect()
}

/// Makes the place for our files.
pub(super) fn mount_scratch(place: &Path) -> Result<(), Errno> {
    mount(Some("none"), place, Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(QUOTA))
}

/// Makes the view for a program that runs in `here`. Yields what this system does not give.
pub(super) fn make(confinement: &Confinement, here: &Path, scratch: &Path) -> Result<Vec<&'static str>, Error> {
    let mut lacks = Vec::new();
    if !make_read_only(|point| !point.starts_with(scratch)) {
        lacks.push("read-only system");
    }
    let places = places(confinement, here);
    let named = confinement.shown.iter().chain(&confinement.copied).chain(&confinement.kept);
    let ways: Vec<Step> = named.flat_map(|path| way_to(path)).collect();
    let devices = DEVICES.map(|name| (name, source(&Path::new("/dev").join(name))));
    let failed = |what: &Path| Error::io(format!("show {} to a program", what.display()));
    make_devices(&devices).map_err(failed(Path::new("/dev")))?;
    for (at, place) in places.iter().enumerate() {
        let own = scratch.join(at.to_string());
        let is_whole = show(place, &own).map_err(failed(&place.path))?;
        if !is_whole && !lacks.contains(&"writable copy of its folder") {
            lacks.push("writable copy of its folder");
        }
    }
    for step in ways {
        // It is there where nothing is hidden, and has to be there for nobody.
        let _ = match step {
            Step::Folder(path) => fs::create_dir(path),
            Step::Link(path, target) => symlink(target, path),
        };
    }
    // What was mounted over them is in place.
    let hidden = places.iter().filter(|place| place.kind == Kind::Hidden && place.is_folder);
    for folder in hidden.map(|place| place.path.as_path()).chain([Path::new("/dev")]) {
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID;
        // A deeper one may hide it.
        let _ = mount(NOTHING, folder, NOTHING, flags, NOTHING);
    }
    umount2(scratch, MntFlags::MNT_DETACH).map_err(Error::system("confine a program"))?;
    // What our files covered.
    make_read_only(|point| point.starts_with(scratch));
    Ok(lacks)
}

/// All places, each once, a folder before what is in it.
fn places(confinement: &Confinement, here: &Path) -> Vec<Place> {
    let home = env::var_os("HOME").map(PathBuf::from).filter(|home| home.parent().is_some());
    let runtimes = home.iter().flat_map(|home| RUNTIMES.iter().map(|name| home.join(name)));
    let named = RUNTIME_VARIABLES.iter().filter_map(env::var_os).map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let programs = env::split_paths(&path).flat_map(|folder| prefix(&folder, home.as_deref()));
    let names = ["/etc/resolv.conf"].map(PathBuf::from);
    let shown: Vec<PathBuf> = confinement
        .shown
        .iter()
        .flat_map(|folder| prefix(folder, home.as_deref()))
        .chain(runtimes)
        .chain(named)
        .chain(programs)
        .chain(names)
        .collect();
    let hidden = HIDDEN.iter().map(PathBuf::from).chain(home.clone()).chain(confinement.hidden.iter().cloned());
    let private = PRIVATE.iter().map(PathBuf::from);
    let copied = confinement.copied.iter().cloned().chain([here.to_owned()]);
    let kinds = [
        (Kind::Hidden, hidden.collect::<Vec<_>>()),
        (Kind::Shown, shown),
        (Kind::Private, private.collect()),
        (Kind::Copied, copied.collect()),
        (Kind::Kept, confinement.kept.clone()),
    ];
    let mut known: Vec<(PathBuf, Kind)> = Vec::new();
    for (kind, paths) in kinds {
        // The whole system is not hidden, and stays read-only.
        for path in paths.iter().filter_map(|path| fs::canonicalize(path).ok()).filter(|path| path.parent().is_some()) {
            known.retain(|(other, _)| *other != path);
            known.push((path, kind));
        }
    }
    let covers = |kind: Kind| matches!(kind, Kind::Hidden | Kind::Private);
    let is_covered =
        |path: &Path| known.iter().any(|(other, kind)| covers(*kind) && path != other && path.starts_with(other));
    let mut wanted: Vec<(PathBuf, Kind)> =
        known.iter().filter(|(path, kind)| *kind != Kind::Shown || is_covered(path)).cloned().collect();
    wanted.sort_by_key(|(path, kind)| (path.components().count(), *kind));
    let place = |(path, kind): (PathBuf, Kind)| {
        let source = source(&path).ok()?;
        Some(Place { is_folder: path.is_dir(), path, kind, source })
    };
    wanted.into_iter().filter_map(place).collect()
}

/// What a program in a folder may need: the folder, and the one above it of an installation by itself.
fn prefix(folder: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let above = folder.parent().filter(|_| folder.ends_with("bin") || folder.ends_with("shims"));
    let is_shared = |above: &&Path| {
        let is_home = home.is_some_and(|home| home.starts_with(above));
        is_home || above.ends_with(".local") || above.ends_with(".cargo") || above.parent().is_none()
    };
    [Some(folder), above.filter(|above| !is_shared(above))].into_iter().flatten().map(Path::to_owned).collect()
}

fn source(path: &Path) -> io::Result<OwnedFd> {
    Ok(open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?)
}

fn by_number(source: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", source.as_raw_fd()))
}

fn bind(source: &Path, target: &Path) -> io::Result<()> {
    Ok(mount(Some(source), target, NOTHING, MsFlags::MS_BIND | MsFlags::MS_REC, NOTHING)?)
}

/// Shows a place; `false` if it is read-only though the program may change it. `own` is a name for files of ours.
fn show(place: &Place, own: &Path) -> io::Result<bool> {
    let Place { path, kind, source, is_folder } = place;
    if *kind == Kind::Hidden {
        if !path.exists() {
            // What hides a folder above it hides it.
        } else if *is_folder {
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
            mount(Some("none"), path, Some("tmpfs"), flags, Some("mode=755,size=1m"))?;
        } else {
            bind(Path::new("/dev/null"), path)?;
        }
        return Ok(true);
    }
    if *is_folder {
        fs::create_dir_all(path)?;
    } else if !path.exists() {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        File::create_new(path)?;
    }
    match kind {
        Kind::Private => {
            fs::create_dir(own)?;
            fs::set_permissions(own, std::os::unix::fs::PermissionsExt::from_mode(0o1777))?;
            bind(own, path)?;
        }
        Kind::Copied if *is_folder => {
            let (upper, work) = (own.join("upper"), own.join("work"));
            fs::create_dir_all(&upper)?;
            fs::create_dir_all(&work)?;
            let options = format!(
                "lowerdir={},upperdir={},workdir={}",
                by_number(source).display(),
                upper.display(),
                work.display()
            );
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
            if mount(Some("none"), path, Some("overlay"), flags, Some(options.as_str())).is_err() {
                bind(&by_number(source), path)?;
                return Ok(false);
            }
        }
        Kind::Kept => {
            bind(&by_number(source), path)?;
            let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
            mount(NOTHING, path, NOTHING, flags, NOTHING)?;
        }
        _ => bind(&by_number(source), path)?,
    }
    Ok(true)
}

/// A `/dev` with a few devices.
fn make_devices(devices: &[(&str, io::Result<OwnedFd>)]) -> io::Result<()> {
    let dev = Path::new("/dev");
    mount(Some("none"), dev, Some("tmpfs"), MsFlags::MS_NOSUID, Some("mode=755,size=1m"))?;
    for (name, source) in devices {
        let Ok(source) = source else { continue };
        let path = dev.join(name);
        File::create_new(&path)?;
        bind(&by_number(source), &path)?;
    }
    let links = [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1")];
    for (name, target) in links.into_iter().chain([("stderr", "/proc/self/fd/2")]) {
        symlink(target, dev.join(name))?;
    }
    fs::create_dir(dev.join("shm"))
}

/// Makes what is mounted at some places read-only. Yields whether `/` is.
fn make_read_only(is_wanted: impl Fn(&Path) -> bool) -> bool {
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let mut is_root_done = false;
    for line in mounts.split(|&byte| byte == b'\n') {
        // 36 35 98:0 /root /mount/point options …
        let mut fields = line.split(|&byte| byte == b' ').skip(4);
        let (Some(point), Some(options)) = (fields.next(), fields.next()) else { continue };
        let point = unescaped(point);
        if !is_wanted(&point) {
            continue;
        }
        let flags = String::from_utf8_lossy(options).split(',').fold(MsFlags::empty(), |flags, option| {
            flags
                | match option {
                    "nosuid" => MsFlags::MS_NOSUID,
                    "nodev" => MsFlags::MS_NODEV,
                    "noexec" => MsFlags::MS_NOEXEC,
                    "noatime" => MsFlags::MS_NOATIME,
                    "nodiratime" => MsFlags::MS_NODIRATIME,
                    "relatime" => MsFlags::MS_RELATIME,
                    _ => MsFlags::empty(),
                }
        });
        let read_only = flags | MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
        let done = mount(NOTHING, &point, NOTHING, read_only, NOTHING);
        is_root_done |= done.is_ok() && point == Path::new("/");
    }
    is_root_done
}

/// A path as mountinfo has it: a space is `\040`.
fn unescaped(path: &[u8]) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        let number = after.get(..3).filter(|_| first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match number.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsStr::from_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_in_a_mount_point_is_an_octal_number() {
        assert_eq!(unescaped(b"/a\\040b\\134"), Path::new("/a b\\"));
    }

    #[test]
    fn a_home_is_not_shown_for_a_program_in_it() {
        let home = Path::new("/home/me");
        let shown = |folder: &str| prefix(Path::new(folder), Some(home));
        assert_eq!(shown("/home/me/bin"), [Path::new("/home/me/bin")]);
        assert_eq!(shown("/home/me/.cargo/bin"), [Path::new("/home/me/.cargo/bin")]);
        assert_eq!(shown("/home/me/x/bin"), [Path::new("/home/me/x/bin"), Path::new("/home/me/x")]);
    }
}
