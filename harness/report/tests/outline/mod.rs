//! An SVG in few lines, for golden tests.

use std::fmt::Write as _;

use roxmltree::Document;

/// An SVG as its outline: how many shapes of each kind and colour, and every text with its height.
pub(crate) fn outline(svg: &str) -> String {
    let document = Document::parse(svg).expect("an SVG is well-formed XML");
    let root = document.root_element();
    let mut outline = format!(
        "{} {}\n",
        root.attribute("viewBox").unwrap(),
        root.attribute("role").unwrap()
    );
    let mut shapes = std::collections::BTreeMap::<String, u32>::new();
    for node in root.descendants().filter(roxmltree::Node::is_element) {
        let ink = node
            .attribute("stroke")
            .filter(|stroke| *stroke != "none")
            .or(node.attribute("fill"))
            .unwrap_or("");
        match node.tag_name().name() {
            "text" => writeln!(
                outline,
                "text {:>4}: {}",
                node.attribute("y").unwrap(),
                node.text().unwrap().trim()
            )
            .unwrap(),
            "title" | "desc" => writeln!(
                outline,
                "{}: {}",
                node.tag_name().name(),
                node.text().unwrap()
            )
            .unwrap(),
            shape => *shapes.entry(format!("{shape} {ink}")).or_default() += 1,
        }
    }
    for (shape, count) in shapes {
        writeln!(outline, "{count:>5} {shape}").unwrap();
    }
    outline
}
