//! A browser for tests: Chromium without a window, where it is installed.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::Command,
    time::Duration,
};

use lab_run::Program;

/// Far longer than a page takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// The browser's name; none, said on stderr, where there is none.
pub fn installed(test: &str) -> Option<&'static str> {
    let is_there =
        |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(is_there);
    if found.is_none() {
        skipped(test, "no chromium here");
    }
    found
}

pub fn skipped(test: &str, why: &str) {
    io::stderr().write_all(format!("skipped: {test}: {why}\n").as_bytes()).unwrap();
}

/// The text that `script` leaves in the page when it calls `done(text)`; it may take its time.
pub fn told_by(browser: &str, page: &str, script: &str, width: u32, is_dark: bool) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    // The page forbids scripts; its copy has this one. What it says must not close the element that it says it in.
    let telling = "function done(text) { const told = document.createElement('pre'); \
                   told.textContent = 'TOLD' + encodeURIComponent(text) + 'TOLD'; document.body.append(told); }";
    let copy = page.replace("default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'");
    let copy = copy.replace("</body>", &format!("<script>{telling}\n{script}</script></body>"));
    fs::write(&file, copy).unwrap();
    let dom = dom(browser, folder.path(), &file, width, is_dark);
    let told =
        dom.split("TOLD").find(|piece| dom.contains(&format!(">TOLD{piece}TOLD<"))).unwrap_or_else(|| panic!("{dom}"));
    told.replace("%20", " ").replace("%0A", "\n").replace("%22", "\"").replace("%3C", "<").replace("%3E", ">")
}

fn dom(browser: &str, profile: &Path, file: &Path, width: u32, is_dark: bool) -> String {
    let arguments = [
        "--headless".to_owned(),
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        format!("--user-data-dir={}", profile.display()),
        format!("--window-size={width},900"),
        format!("--blink-settings=preferredColorScheme={}", if is_dark { 0 } else { 1 }),
        "--virtual-time-budget=20000".to_owned(),
        "--dump-dom".to_owned(),
        format!("file://{}", file.display()),
    ];
    Program::start(browser, &arguments).unwrap().finish(DEADLINE).unwrap().stdout()
}
