//! The page is held against axe-core's rules (WCAG 2.2 A, AA and best practices), in light and in dark.
//!
//! Needs Chromium, and `LAB_AXE` as the path of `axe.min.js` (`npm install axe-core`); without them it says that it skips.

use std::{collections::HashMap, env, fs};

use lab_report::{page, sheet::AnswerSheet};

use crate::{browser, fixture};

/// Everything is looked at, also what is folded. What axe cannot decide is the contrast of text in drawings, of symbols and
/// of cells that are scrolled out of sight: see `text_stands_out_from_what_is_behind_it`.
const SCRIPT: &str = "document.querySelectorAll('details').forEach(details => details.open = true);
    axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then(found =>
        tell(found.passes.length + ' rules passed\\n' + found.violations.map(rule =>
            rule.id + ': ' + rule.nodes.slice(0, 5).map(node => node.html.slice(0, 120) + ' ' + node.failureSummary).join('\\n  ')
        ).join('\\n') + '\\nundecided: ' + found.incomplete.map(rule => rule.id + ' ' + rule.nodes.length).join()),
        error => tell(String(error)));";

#[test]
fn axe_finds_nothing_in_light_or_dark_wide_or_narrow() {
    const TEST: &str = "axe_finds_nothing_in_light_or_dark_wide_or_narrow";
    let Some(path) = env::var_os("LAB_AXE") else { return browser::skipped(TEST, "LAB_AXE does not name axe.min.js") };
    let Some(browser) = browser::installed(TEST) else { return };
    let axe = fs::read_to_string(&path).unwrap();
    for (sheet, width, is_dark) in [
        (fixture::sheet(), 1280, false),
        (fixture::sheet(), 1280, true),
        (fixture::sheet(), 400, false),
        (fixture::sheet(), 400, true),
        (AnswerSheet::default(), 1280, false),
    ] {
        let told = browser::told_by(browser, &page::html(&sheet), &format!("{axe}\n{SCRIPT}"), width, is_dark);
        println!("{width} pixels, {}: {told}", if is_dark { "dark" } else { "light" });
        let violations = told.split_once("rules passed\n").expect(&told).1.split_once("\nundecided").unwrap().0;
        assert!(violations.is_empty(), "{width} pixels, dark: {is_dark}\n{violations}");
    }
}

#[test]
fn text_stands_out_from_what_is_behind_it() {
    let style = lab_page::STYLE;
    let (light, rest) = style.split_once("@media screen and (prefers-color-scheme: dark)").unwrap();
    for variables in [colours(light), colours(rest.split_once("\n}").unwrap().0)] {
        for text in ["ink", "muted", "accent", "accent-2", "good", "bad"] {
            for behind in ["paper", "raised", "bad-paper"] {
                let contrast = contrast(variables[text], variables[behind]);
                // WCAG 2.2, 1.4.3.
                assert!(contrast >= 4.5, "{text} on {behind}: {contrast:.2}, of {variables:?}");
            }
        }
    }
}

/// The variables that are colours: `--ink: #1d1f21;`.
fn colours(style: &str) -> HashMap<&str, u32> {
    style
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": #"))
        .map(|(name, digits)| (name, u32::from_str_radix(digits, 16).unwrap()))
        .collect()
}

/// The contrast ratio of WCAG 2.2.
fn contrast(one: u32, other: u32) -> f64 {
    let luminance = |colour: u32| {
        let [_, red, green, blue] = colour.to_be_bytes().map(|channel| {
            let channel = f64::from(channel) / 255.0;
            if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}
