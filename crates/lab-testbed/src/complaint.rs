//! The line of stderr that says best why a program ended, in the words of its runtime.
//!
//! | runtime | where the reason is |
//! |---|---|
//! | ours | the line `error: …` |
//! | Python | the last line, behind `Traceback (most recent call last):` |
//! | Java | `Exception in thread "main" java.net.ConnectException: …`, before the frames `at …` |
//! | Node.js | the first line `…Error: …`; the last line is `Node.js v…` |
//! | Go | `panic: …`, `fatal error: …`, or what `log.Fatal` wrote |
//! | Ruby | the first line, `file.rb:3:in 'x': reason (Class)` |
//! | PHP | `PHP Fatal error: …`, `Fatal error: …` |
//! | Perl, C | the last line: `die` and `perror` write no more |
//! | Erlang | the line `{"init terminating …` or `** exception error: …` |

/// The maximum of kept characters of a complaint (ours).
pub(crate) const MAX_COMPLAINT: usize = 200;

/// The reason in what a program wrote on stderr; `None` if it wrote nothing. The line is trimmed, and not escaped.
pub fn complaint(stderr: &str) -> Option<&str> {
    let lines = || stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_python = lines().any(|line| line.starts_with("Traceback (most recent call last)"));
    let last = lines().rfind(|line| !is_epilogue(line));
    if is_python {
        // The last line that is not indented: a syntax error has a caret below.
        return stderr.lines().rfind(|line| !line.trim().is_empty() && !line.starts_with(' ')).map(str::trim);
    }
    let first = |is_reason: fn(&str) -> bool| lines().find(|line| is_reason(line));
    first(|line| line.starts_with("error: "))
        .or_else(|| first(|line| line.starts_with("Exception in thread ")))
        .or_else(|| first(|line| line.starts_with("panic: ") || line.starts_with("fatal error: ")))
        .or_else(|| first(|line| line.contains("Fatal error: ") || line.contains("Uncaught ")))
        .or_else(|| first(|line| line.starts_with("** exception ") || line.contains("init terminating")))
        .or_else(|| first(is_ruby))
        .or_else(|| first(is_named_error))
        .or(last)
}

/// `TypeError: x is not a function`, `java.io.IOException: …`, `AssertionError [ERR_ASSERTION]: …`.
fn is_named_error(line: &str) -> bool {
    let name = line.split([':', ' ', '[']).next().unwrap_or_default();
    let is_name = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '$'));
    is_name && (name.ends_with("Error") || name.ends_with("Exception"))
}

/// `pdc.rb:3:in 'Integer': invalid value (ArgumentError)`.
fn is_ruby(line: &str) -> bool {
    let location = line.split_once(":in ").map(|(location, _)| location);
    let is_line = |location: &str| location.rsplit(':').next().is_some_and(|n| n.parse::<u32>().is_ok());
    location.is_some_and(is_line) && line.ends_with(')')
}

/// What runtimes write behind the reason.
fn is_epilogue(line: &str) -> bool {
    line.starts_with("Node.js v")
        || line.starts_with("at ")
        || line.starts_with("goroutine ")
        || line.starts_with("exit status ")
}

#[cfg(test)]
mod tests {
    use super::complaint;

    #[track_caller]
    fn check(stderr: &str, expected: &str) {
        assert_eq!(complaint(stderr), Some(expected), "{stderr}");
    }

    #[test]
    fn python_ends_with_its_reason() {
        check(
            "Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\n    int('x')\n\
             ValueError: invalid literal for int() with base 10: 'x'\n",
            "ValueError: invalid literal for int() with base 10: 'x'",
        );
        check("Traceback (most recent call last):\n  File \"a\", line 1\nKeyboardInterrupt\n", "KeyboardInterrupt");
        check(
            "  File \"a.py\", line 1\n    print(\n         ^\nSyntaxError: '(' was never closed\n",
            "SyntaxError: '(' was never closed",
        );
    }

    #[test]
    fn java_and_node_begin_with_it() {
        check(
            "Exception in thread \"main\" java.net.ConnectException: Connection refused\n\tat java.base/x(Y.java:3)\n\
             \tat Pdc.main(Pdc.java:9)\nCaused by: java.io.IOException: x\n",
            "Exception in thread \"main\" java.net.ConnectException: Connection refused",
        );
        check(
            "/home/a/pdc.js:3\n  let x = y.z\n            ^\n\nTypeError: Cannot read properties of undefined (reading 'z')\n    \
             at Object.<anonymous> (/home/a/pdc.js:3:13)\n\nNode.js v18.19.0\n",
            "TypeError: Cannot read properties of undefined (reading 'z')",
        );
        check(
            "node:events:497\n      throw er; // Unhandled 'error' event\n      ^\n\nError: connect ECONNREFUSED 127.0.0.1:5003\n    at x\n\nNode.js v20.1.0\n",
            "Error: connect ECONNREFUSED 127.0.0.1:5003",
        );
    }

    #[test]
    fn go_ruby_php_perl_and_c_have_their_own_way() {
        check(
            "panic: runtime error: index out of range [1] with length 1\n\ngoroutine 1 [running]:\nmain.main()\n\t/x.go:9\nexit status 2\n",
            "panic: runtime error: index out of range [1] with length 1",
        );
        check(
            "2026/01/01 10:00:00 dial tcp 127.0.0.1:5003: connect: connection refused\nexit status 1\n",
            "2026/01/01 10:00:00 dial tcp 127.0.0.1:5003: connect: connection refused",
        );
        check(
            "pdc.rb:3:in 'Integer': invalid value for Integer(): \"x\" (ArgumentError)\n\tfrom pdc.rb:3:in '<main>'\n",
            "pdc.rb:3:in 'Integer': invalid value for Integer(): \"x\" (ArgumentError)",
        );
        check(
            "PHP Fatal error:  Uncaught TypeError: x in /a.php:3\nStack trace:\n#0 {main}\n  thrown in /a.php on line 3\n",
            "PHP Fatal error:  Uncaught TypeError: x in /a.php:3",
        );
        check(
            "warming up\nCan't locate object method \"x\" via package \"y\" at pdc.pl line 3.\n",
            "Can't locate object method \"x\" via package \"y\" at pdc.pl line 3.",
        );
        check("connect: Connection refused\n", "connect: Connection refused");
    }

    #[test]
    fn ours_is_the_line_that_begins_with_error() {
        check("note: waiting\nerror: cannot connect\nhint: start it\n{\"messages\":0}\n", "error: cannot connect");
        assert_eq!(complaint(" \n\n"), None);
    }
}
