//! What holds for every page: it is whole, it fetches and runs nothing, and those who listen find their way.

use std::collections::BTreeSet;

/// The tags of the body of a page. maud writes `<` for nothing else.
pub fn tags(page: &str) -> Vec<&str> {
    let body = page.split_once("<body>").expect("a body").1;
    body.split('<').skip(1).filter_map(|piece| piece.split('>').next()).collect()
}

/// The values of an attribute, in order.
pub fn values<'p>(page: &'p str, attribute: &str) -> Vec<&'p str> {
    let wanted = format!(" {attribute}=\"");
    tags(page).into_iter().filter_map(|tag| tag.split_once(&wanted)?.1.split('"').next()).collect()
}

/// Checks that a page is whole and can be listened to: elements, ids, headings, tables, what can be focused.
#[track_caller]
pub fn check_page(page: &str) {
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">"));
    check_elements(page);
    check_ids(page);
    check_headings(page);
    assert_eq!(page.matches("<main>").count(), 1);
    assert!(values(page, "tabindex").iter().all(|index| *index == "0"));
    assert_eq!(page.matches("<table").count(), page.matches("<caption").count());
    assert_eq!(page.matches("<th ").count(), values(page, "scope").len());
    for tag in tags(page) {
        let is_stop = tag.contains(" tabindex=");
        assert!(!is_stop || tag.contains(" role=\"group\"") && tag.contains(" aria-label=\""), "{tag}");
        assert!(!tag.starts_with("svg") || tag.contains(" role=\"img\""), "{tag}");
    }
    assert_eq!(page.matches("<svg").count(), page.matches("</title>").count() - 1);
}

/// Checks that a page fetches nothing and runs nothing.
#[track_caller]
pub fn check_inert(page: &str) {
    for forbidden in ["http://", "https://", " src=", "<script", "<link", "<base", "@import", "url(", "javascript:"] {
        let head = page.split_once("<body>").expect("a body").0;
        assert!(!head.contains(forbidden), "{forbidden}");
        // Text may have such words: a tag may not.
        let tag = tags(page).into_iter().find(|tag| format!("<{tag}").contains(forbidden));
        assert_eq!(tag, None, "{forbidden}");
    }
    let handlers = tags(page).into_iter().filter(|tag| tag.split(' ').skip(1).any(|word| word.starts_with("on")));
    assert_eq!(handlers.collect::<Vec<_>>(), Vec::<&str>::new());
}

/// Each element that is opened is closed.
#[track_caller]
fn check_elements(page: &str) {
    const VOID: [&str; 6] = ["meta", "br", "hr", "input", "link", "img"];
    let mut open = Vec::new();
    for tag in tags(page) {
        let name = tag.split([' ', '\n']).next().unwrap_or_default();
        if let Some(closed) = name.strip_prefix('/') {
            if !["body", "html"].contains(&closed) {
                assert_eq!(open.pop(), Some(closed), "at </{closed}>");
            }
        } else if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

/// Each id is there once, and what is named or linked within the page is there.
#[track_caller]
fn check_ids(page: &str) {
    let ids = values(page, "id");
    let distinct: BTreeSet<_> = ids.iter().copied().collect();
    let twice: Vec<_> = distinct.iter().filter(|id| ids.iter().filter(|other| other == id).count() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let named = ["aria-labelledby", "aria-describedby"].into_iter().flat_map(|name| values(page, name));
    let named = named.flat_map(str::split_whitespace);
    let linked = values(page, "href").into_iter().filter_map(|address| address.strip_prefix('#'));
    for id in named.chain(linked) {
        assert!(distinct.contains(id), "nothing has the id {id}");
    }
}

/// The headings begin with one h1 and leave out no level.
#[track_caller]
fn check_headings(page: &str) {
    let level = |tag: &&str| tag.strip_prefix('h')?.bytes().next().filter(u8::is_ascii_digit);
    let levels: Vec<u8> = tags(page).iter().filter_map(level).collect();
    assert_eq!(levels.first(), Some(&b'1'));
    assert_eq!(levels.iter().filter(|level| **level == b'1').count(), 1);
    assert!(levels.is_sorted_by(|one, next| *next <= one + 1), "{levels:?}");
}
