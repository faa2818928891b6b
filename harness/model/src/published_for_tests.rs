//! Schemas that are published beside what they describe: written from the types, and held against them.

use schemars::JsonSchema;

/// Checks that the schema at `path`, from the top of the repository, is that of `T`. `BLESS=1` in the environment of the build
/// writes it anew.
pub(crate) fn check<T: JsonSchema>(path: &str) {
    let mut schema = serde_json::to_string_pretty(&schemars::schema_for!(T)).unwrap();
    schema.push('\n');
    // Descriptions are the comments on the types, which link to items that a reader of the schema doesn't have.
    let schema = schema.replace("[`", "`").replace("`]", "`");
    let file = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    if option_env!("BLESS").is_some() {
        std::fs::write(&file, &schema).unwrap();
    }
    let published = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        published == schema,
        "{path} is not the schema of what is read: run this test built with BLESS=1"
    );
}
