//! The files of the CA: their names, their modes, what is overwritten and what is not.

use std::{fs, os::unix::fs::PermissionsExt};

use lab_test::{check_error, finish, lacks};

use crate::place::Place;

#[test]
fn files_have_the_handouts_names_and_keys_are_for_their_owner_alone() {
    for umask in ["0", "077"] {
        let place = Place::new();
        for (arguments, made) in [
            ("init", "certs/cacert.pem"),
            ("request 123456", "certs/123456.csr"),
            ("sign certs/123456.csr", "certs/123456_cert.pem"),
            ("issue 654321 --key p-256", "certs/654321_cert.pem"),
        ] {
            // A folder that others may write would be refused.
            fs::create_dir_all(place.path("certs")).unwrap();
            let script = format!("umask {umask}; exec \"$0\" {arguments}");
            let outcome = finish(place.start("sh", &["-c", &script, env!("CARGO_BIN_EXE_ttp")]));
            assert_eq!((outcome.stdout(), outcome.stderr()), (format!("{made}\n"), String::new()), "{arguments}");
        }
        let mode = |file: &String| fs::metadata(place.path("certs").join(file)).unwrap().permissions().mode() & 0o7777;
        let modes: Vec<_> = place.files().keys().map(|file| format!("{file} {:o}", mode(file))).collect();
        let expected = [
            "123456.csr 644",
            "123456_cert.pem 644",
            "123456_key.pem 600",
            "654321.csr 644",
            "654321_cert.pem 644",
            "654321_key.pem 600",
            "cacert.pem 644",
            "cakey.pem 600",
        ];
        assert_eq!(modes, expected, "umask {umask}");
    }
}

#[test]
fn dir_names_another_folder_and_a_certificate_lies_beside_its_request() {
    let place = Place::new();
    assert_eq!(place.done("init --key p-256 --dir a/b"), "a/b/cacert.pem\n");
    assert_eq!(place.done("request 123456 --key p-256 --dir elsewhere"), "elsewhere/123456.csr\n");
    assert_eq!(place.done("--dir a/b sign elsewhere/123456.csr"), "elsewhere/123456_cert.pem\n");
    assert_eq!(place.done("verify elsewhere/123456_cert.pem --dir a/b"), "elsewhere/123456_cert.pem: ok\n");
    fs::rename(place.path("elsewhere/123456.csr"), place.path("bare.csr")).unwrap();
    assert!(place.done("--dir a/b sign bare.csr").ends_with("bare_cert.pem\n"));
    assert!(place.path("bare_cert.pem").exists());
}

#[test]
fn nothing_is_overwritten_without_force() {
    let place = Place::with_ca();
    place.done("issue 123456 --key p-256");
    for (arguments, file) in [
        ("request 123456", "certs/123456.csr"),
        ("sign certs/123456.csr", "certs/123456_cert.pem"),
        ("issue 123456", "certs/123456_cert.pem"),
    ] {
        place.refused(arguments, 1, &[&format!("error: {file} exists already\n"), "hint: ", "--force"]);
    }
    // What replaces a CA makes all that it signed worthless: nobody is led to that.
    let again =
        place.refused("init --key p-256", 1, &["error: certs/cacert.pem exists already\n", "hint: this CA is ready"]);
    assert!(!again.stderr().contains("--force"), "{}", again.stderr());
    fs::remove_file(place.path("certs/cacert.pem")).unwrap();
    place.refused("init --key p-256", 1, &["certs/cakey.pem exists already", "--force"]);
}

#[test]
fn force_replaces_all_but_the_owners_key() {
    let place = Place::with_ca();
    place.done("issue 123456 --key p-256");
    let before = place.files();
    let changed = |arguments: &str| -> Vec<String> {
        let before = place.files();
        place.done(arguments);
        place.files().into_iter().filter(|file| before.get(&file.0) != Some(&file.1)).map(|file| file.0).collect()
    };
    assert_eq!(changed("init --key p-256 --force"), ["cacert.pem", "cakey.pem"]);
    assert_eq!(changed("issue 123456 --force --san pmu.test"), ["123456.csr", "123456_cert.pem"]);
    assert_eq!(changed("sign certs/123456.csr --force"), ["123456_cert.pem"]);
    assert!(place.files().keys().eq(before.keys()), "{:?}", place.files().keys());
}

#[test]
fn a_request_is_for_the_key_that_is_there_whoever_made_it() {
    let place = Place::with_ca();
    place.done("request 123456 --key p-256");
    let key = place.read("certs/123456_key.pem");
    place.done("issue 123456 --key rsa-2048");
    assert_eq!(place.read("certs/123456_key.pem"), key);
    place.vouches_for("123456").unwrap();

    place.write("certs/mine_key.pem", "no key at all");
    place.refused("request mine", 1, &["certs/mine_key.pem", "private key"]);
    if lacks("openssl") {
        return;
    }
    for (id, make) in [
        ("pkcs1", "genrsa -traditional -out"),
        ("pkcs8", "genrsa -out"),
        ("sec1", "ecparam -genkey -noout -name prime256v1 -out"),
        ("p384", "ecparam -genkey -noout -name secp384r1 -out"),
    ] {
        place.openssl_does(&format!("{make} certs/{id}_key.pem"));
        let key = place.read(&format!("certs/{id}_key.pem"));
        place.done(&format!("issue {id}"));
        assert_eq!(place.read(&format!("certs/{id}_key.pem")), key, "{id}");
        place.vouches_for(id).unwrap();
    }
}

#[test]
fn a_folder_that_others_can_write_is_refused() {
    let place = Place::with_ca();
    place.done("request 123456 --key p-256");
    place.write("elsewhere.csr", place.read("certs/123456.csr"));
    for mode in [0o777, 0o775, 0o757] {
        fs::set_permissions(place.path("certs"), fs::Permissions::from_mode(mode)).unwrap();
        for arguments in [
            "init --force",
            "request 1 --key p-256",
            "issue 2 --key p-256",
            "sign elsewhere.csr",
            "sign certs/123456.csr",
        ] {
            place.refused(arguments, 1, &["error: certs: ", "others may write", "chmod"]);
        }
        assert!(!place.path("elsewhere_cert.pem").exists());
        assert!(place.directory().ensure(&["localhost"]).is_err());
    }
    fs::set_permissions(place.path("certs"), fs::Permissions::from_mode(0o700)).unwrap();
    place.done("sign elsewhere.csr");
}

#[test]
fn a_device_without_room_gets_no_half_file_and_the_task_works_once_there_is_room() {
    for (prepare, task) in [
        ("", "init --key p-256"),
        ("", "init --key rsa-2048"),
        ("init --key p-256", "request 123456 --key p-256"),
        ("init --key p-256", "issue 123456 --key p-256"),
        ("init --key p-256", "issue 123456 --key rsa-2048"),
    ] {
        // In blocks of 512 bytes: nothing at all, or a key of P-256 but no certificate.
        for room in [0, 1] {
            let place = Place::new();
            if !prepare.is_empty() {
                place.done(prepare);
            }
            let before = place.files();
            let script = format!("trap '' XFSZ; ulimit -f {room}; exec \"$0\" {task}");
            let outcome = finish(place.start("sh", &["-c", &script, env!("CARGO_BIN_EXE_ttp")]));
            if room == 1 && outcome.code() == 0 {
                assert!(task.starts_with("request"), "{task} needs more than 512 bytes");
                continue;
            }
            check_error(&outcome, 1, &["cannot write certs/"]);
            for (file, bytes) in place.files() {
                let text = String::from_utf8(bytes).unwrap();
                let is_whole = text.starts_with("-----BEGIN ") && text.ends_with("-----\n");
                assert!(is_whole || before.contains_key(&file), "{task}, {room}: {file}: {text}");
            }
            place.done(task);
        }
    }
}

#[test]
fn a_name_that_is_no_file_name_is_a_wrong_command_line() {
    let place = Place::with_ca();
    let long = "x".repeat(65);
    for name in ["../x", "a/b", ".x", "..", "a\u{1}b", "a:b", &long] {
        for task in ["request", "issue"] {
            place.refused(&format!("{task} {name} --key p-256"), 2, &["is no name for files"]);
        }
    }
    assert!(!place.path("x_key.pem").exists());
    for name in ["123456", "Zo\u{eb}", "a.b-c_d@e", &"x".repeat(64)] {
        place.done(&format!("issue {name} --key p-256"));
    }
}

#[test]
fn a_name_is_escaped_as_all_text_is() {
    let place = Place::with_ca();
    let told = place.refused("issue x\u{1b}y\u{7f}", 2, &["'x\\x1by\\x7f' is no name for files"]).stderr();
    assert!(!told.contains("u{"), "{told}");
}

#[test]
fn a_wrong_command_line_is_status_2_and_leaves_nothing_behind() {
    let place = Place::with_ca();
    for arguments in [
        "",
        "nonsense",
        "init extra",
        "init --key rsa-1024",
        "init --days 0",
        "init --days 36501",
        "init --country CHE --force",
        "request",
        "request 1 --key dsa",
        "request 1 --key p-256 --country C",
        "request 1 --key p-256 --country 12",
        "issue 1 --key p-256 --country CHE",
        "issue 1 --purpose ca",
        "issue 1 --days x",
        "issue 1 --san",
        "sign",
        "show",
        "verify",
        "verify certs/cacert.pem --purpose any",
    ] {
        place.refused(arguments, 2, &[]);
    }
}

#[test]
fn without_a_ca_there_is_a_hint_how_to_make_one() {
    let place = Place::new();
    place.done("request 123456 --key p-256");
    place.refused("sign certs/123456.csr", 1, &["certs holds no CA", "hint: ", "ttp init"]);
    place.refused("issue 654321 --key p-256", 1, &["certs holds no CA", "hint: ", "ttp init"]);
    place.done("init --key p-256");
    place.done("sign certs/123456.csr");
    fs::remove_file(place.path("certs/cakey.pem")).unwrap();
    place.refused("sign certs/123456.csr --force", 1, &["certs holds no CA", "hint: ", "ttp init"]);
}

#[test]
fn a_ca_whose_key_is_another_signs_nothing() {
    let (place, other) = (Place::with_ca(), Place::with_ca());
    place.done("request 123456 --key p-256");
    place.write("certs/cakey.pem", other.read("certs/cakey.pem"));
    place.refused("sign certs/123456.csr", 1, &["certs/cakey.pem", "match"]);
}
