//! A browser for tests: Chromium without a window, where it is installed.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::Command,
};

use lab_process::Program;
use lab_test::PATIENCE;

/// The browser's name; none, said on stderr, where there is none.
pub(crate) fn installed(test: &str) -> Option<&'static str> {
    let is_there =
        |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(is_there);
    if found.is_none() {
        skipped(test, "no chromium here");
    }
    found
}

pub(crate) fn skipped(test: &str, why: &str) {
    io::stderr().write_all(format!("skipped: {test}: {why}\n").as_bytes()).unwrap();
}

/// What `script` tells of the page by calling `tell(text)`; it may take its time.
///
/// The page is in a frame, because a window of Chromium is never narrower than 500 pixels.
pub(crate) fn told_by(browser: &str, page: &str, script: &str, width: u32, is_dark: bool) -> String {
    const TELL: &str = "function tell(text) { parent.postMessage(text, '*'); }";
    // What is told must not be taken for markup.
    const LISTEN: &str =
        "addEventListener('message', event => document.body.dataset.told = encodeURIComponent(event.data));";
    let folder = tempfile::tempdir().unwrap();
    // The page forbids scripts; its copy may have this one.
    let copy = page.replace("default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'");
    let copy = copy.replace("</body>", &format!("<script>{TELL}\n{script}</script></body>"));
    fs::write(folder.path().join("page.html"), copy).unwrap();
    let frame = format!("<iframe src=page.html style='border:0;width:{width}px;height:900px'></iframe>");
    let host = folder.path().join("host.html");
    fs::write(&host, format!("<!DOCTYPE html><body><script>{LISTEN}</script>{frame}</body>")).unwrap();
    let dom = dom(browser, folder.path(), &host, is_dark);
    let told = dom.split_once("data-told=\"").and_then(|(_, told)| told.split_once('"'));
    decoded(told.unwrap_or_else(|| panic!("the page told nothing: {dom}")).0)
}

fn dom(browser: &str, folder: &Path, file: &Path, is_dark: bool) -> String {
    let arguments = [
        "--headless".to_owned(),
        // Tests may run as root, in a container.
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        format!("--user-data-dir={}", folder.join("profile").display()),
        "--window-size=1400,900".to_owned(),
        format!("--blink-settings=preferredColorScheme={}", if is_dark { 0 } else { 1 }),
        "--virtual-time-budget=20000".to_owned(),
        "--dump-dom".to_owned(),
        format!("file://{}", file.display()),
    ];
    Program::start(browser, &arguments).unwrap().finish(PATIENCE).unwrap().stdout()
}

/// The inverse of encodeURIComponent.
fn decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (byte, rest) = piece.split_at(2);
        bytes.push(u8::from_str_radix(byte, 16).unwrap());
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).unwrap()
}
