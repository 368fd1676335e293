//! The page, its data and its figures, made from a sheet with everything in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod browser;
mod fixture;

use std::{collections::BTreeSet, fs, path::Path};

use lab_report::{folder, json, page, sheet::Sheet};
use serde_json::Value;

/// The values of an attribute, in order. Only tags are looked at, so that text may speak of attributes.
fn attributes<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
    let tags = page.split('<').skip(1).filter_map(|piece| piece.split('>').next());
    let wanted = format!(" {name}=\"");
    tags.filter_map(|tag| tag.split_once(&wanted)?.1.split('"').next()).collect()
}

#[test]
fn a_page_for_the_eye() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    folder::write(&path, &fixture::sheet()).unwrap();
}
