//! What is typed wrongly is answered with what is known, the nearest name and exit code 2: golden outputs in `cmd/`.

#[test]
fn mistakes_are_named_with_their_remedy() {
    trycmd::TestCases::new()
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .case("tests/cmd/*.trycmd");
}
