//! What is typed wrongly is answered with what is known, the nearest name and exit code 2: golden outputs in `cmd/`.

use crate::program;

#[test]
fn mistakes_are_named_with_their_remedy() {
    trycmd::TestCases::new()
        .register_bin("bench", program::path().as_path())
        .env("NO_COLOR", "1")
        .env("LC_ALL", "C.UTF-8")
        .env("COLUMNS", "100")
        .case("tests/cmd/*.trycmd");
}
