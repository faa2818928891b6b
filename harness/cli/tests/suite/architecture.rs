//! What stands in ARCHITECTURE.md of who may import whom, held against the sources: dependencies point one way, between crates
//! and between the modules of each crate, and no command imports another.
//!
//! The modules of a directory are looked at as wholes: each file beside it, each directory below it, and the file of the
//! directory itself. A child may use what its parent defines only where the parent doesn't use the child. Code for tests counts
//! for nothing here, and says so in its name.

#![allow(
    clippy::unwrap_used,
    reason = "a workspace that can't be read fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Directories of modules that still import each other in a circle, as `crate` or `crate::module`. This list only shrinks: a
/// circle that is gone must be taken off it.
const CIRCLES: &[&str] = &[
    "asyncio",
    "callback",
    "callback::event_loop",
    "coroutine",
    "coroutine::runtime",
    "libuv",
    "reactor::coroutines",
];

/// How the name of a module that only tests use ends.
const TEST_NAMES: [&str; 2] = ["tests", "test"];

#[test]
fn crates_point_one_way() {
    let mut imports = Imports::new();
    for member in members() {
        let uses = member.dependencies.into_iter();
        imports.insert(member.name, uses.collect());
    }
    assert_eq!(circle(&imports), None);
}

#[test]
fn modules_point_one_way() {
    let mut found = BTreeMap::new();
    for member in members() {
        let sources = sources(&member.dir.join("src"));
        for (place, circle) in Modules::read(&sources).circles() {
            found.insert(named(&member.name, &place), circle.join(" -> "));
        }
    }
    let unlisted = found
        .iter()
        .filter(|(place, _)| !CIRCLES.contains(&place.as_str()))
        .map(|(place, circle)| format!("a circle of modules in {place}: {circle}"));
    let gone = CIRCLES
        .iter()
        .filter(|place| !found.contains_key(**place))
        .map(|place| format!("the circle in {place} is gone: take it off the list"));
    let wrong: Vec<String> = unlisted.chain(gone).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_command_imports_another() {
    let cli = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = Modules::read(&sources(&cli.join("src")));
    let commands = vec!["commands".to_owned()];
    let imports = modules.imports_within(&commands);
    assert!(imports.len() > 15, "the commands are not where they were");
    for (command, uses) in imports {
        let others: Vec<&String> = uses.iter().filter(|other| **other != command).collect();
        assert!(others.is_empty(), "command {command} imports {others:?}");
    }
}

#[test]
fn modules_for_tests_say_so_in_their_names() {
    let mut found = Vec::new();
    for member in members() {
        let modules = Modules::read(&sources(&member.dir.join("src")));
        for path in modules.for_tests {
            let name = path.last().expect("it has a name");
            let says_so = TEST_NAMES.iter().any(|end| name.ends_with(end));
            if !says_so {
                found.push(named(&member.name, &path));
            }
        }
    }
    assert!(found.is_empty(), "not named as for tests: {found:?}");
}

fn named(member: &str, path: &[String]) -> String {
    std::iter::once(member)
        .chain(path.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join("::")
}

/// A crate of the workspace.
struct Member {
    name: String,
    dir: PathBuf,
    /// Crates of the workspace that it imports; what only its tests import may import it.
    dependencies: BTreeSet<String>,
}

fn members() -> Vec<Member> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        text.parse::<toml::Table>().unwrap()
    };
    let workspace = read(&root.join("Cargo.toml"));
    let dirs = workspace["workspace"]["members"].as_array().unwrap();
    let dirs: Vec<PathBuf> = dirs
        .iter()
        .map(|dir| root.join(dir.as_str().unwrap()))
        .collect();
    let manifests: Vec<toml::Table> = dirs
        .iter()
        .map(|dir| read(&dir.join("Cargo.toml")))
        .collect();
    let name = |manifest: &toml::Table| manifest["package"]["name"].as_str().unwrap().to_owned();
    let names: BTreeSet<String> = manifests.iter().map(name).collect();
    assert!(names.contains("bench") && names.len() > 10, "{names:?}");
    let members = dirs.into_iter().zip(&manifests);
    members
        .map(|(dir, manifest)| {
            let tables = ["dependencies", "build-dependencies"];
            let tables = tables.iter().filter_map(|table| manifest.get(*table));
            let all = tables.flat_map(|table| table.as_table().unwrap().keys().cloned());
            Member {
                name: name(manifest),
                dir,
                dependencies: all.filter(|name| names.contains(name)).collect(),
            }
        })
        .collect()
}

/// Where a module is, from the root of its crate.
type ModulePath = Vec<String>;

/// Source files by the modules that they are.
fn sources(src: &Path) -> BTreeMap<ModulePath, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![(src.to_owned(), ModulePath::new())];
    while let Some((dir, at)) = waiting.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let below = [at.clone(), vec![stem.clone()]].concat();
            if path.is_dir() {
                waiting.push((path, below));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let is_root = ["lib", "main", "mod"].contains(&stem.as_str());
                let place = if is_root { at.clone() } else { below };
                found.insert(place, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// Who imports whom.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// The modules of a crate, and what each names of the others.
struct Modules {
    /// What a module names that the product is made of, as it is written from the root.
    names: BTreeMap<ModulePath, Vec<ModulePath>>,
    /// Modules that only tests have.
    for_tests: BTreeSet<ModulePath>,
}

impl Modules {
    fn read(sources: &BTreeMap<ModulePath, String>) -> Self {
        let mut scan = Scan::default();
        for (place, text) in sources {
            let tokens: TokenStream = text
                .parse()
                .unwrap_or_else(|error| panic!("{place:?}: {error}"));
            scan.tokens(tokens, place, place);
        }
        let for_tests = scan.for_tests;
        let is_for_tests =
            |path: &ModulePath| for_tests.iter().any(|module| path.starts_with(module));
        let mut names = BTreeMap::new();
        for place in sources.keys().filter(|place| !is_for_tests(place)) {
            let of_module = scan.names.remove(place).unwrap_or_default();
            names.insert(place.clone(), of_module);
        }
        Self { names, for_tests }
    }

    /// The module that a path leads to: as far as its words are modules.
    fn module_of(&self, path: &[String]) -> ModulePath {
        let is_known = |length: &usize| {
            let module = path[..*length].to_vec();
            self.names.keys().any(|known| known.starts_with(&module))
        };
        let length = (0..=path.len()).rev().find(is_known);
        path[..length.expect("the root is there")].to_vec()
    }

    /// Who imports whom of what lies directly within a directory of modules. The file of the directory itself is `self`.
    fn imports_within(&self, dir: &[String]) -> Imports {
        let below = |module: &[String]| {
            let rest = module.strip_prefix(dir)?;
            Some(rest.first().map_or("self", String::as_str).to_owned())
        };
        let mut imports = Imports::new();
        for (module, names) in &self.names {
            let Some(from) = below(module) else { continue };
            let to = names.iter().filter_map(|name| {
                let target = self.module_of(name);
                // Nothing of `self` is named by a path that only leads through it.
                below(&target)
            });
            let to: Vec<String> = to.filter(|to| *to != from).collect();
            imports.entry(from).or_default().extend(to);
        }
        imports
    }

    /// Every directory of modules that import each other, and one circle of each.
    fn circles(&self) -> Vec<(ModulePath, Vec<String>)> {
        let mut dirs = BTreeSet::new();
        for module in self.names.keys() {
            dirs.extend((0..=module.len()).map(|length| module[..length].to_vec()));
        }
        dirs.into_iter()
            .filter_map(|dir| {
                let circle = circle(&self.imports_within(&dir))?;
                Some((dir, circle))
            })
            .collect()
    }
}

/// A circle, from some member back to itself; none where there is none.
fn circle(imports: &Imports) -> Option<Vec<String>> {
    let mut left = imports.clone();
    // What imports nothing that is left is in no circle.
    loop {
        let known: BTreeSet<String> = left.keys().cloned().collect();
        let before = left.len();
        left.retain(|_, to| to.iter().any(|to| known.contains(to)));
        if left.len() == before {
            break;
        }
    }
    let mut way = vec![left.keys().next()?.clone()];
    loop {
        let last = way.last().expect("it has a beginning");
        let next = left[last].iter().find(|to| left.contains_key(*to));
        let next = next
            .expect("everything left imports something left")
            .clone();
        let seen = way.iter().position(|module| *module == next);
        way.push(next);
        if let Some(seen) = seen {
            return Some(way.split_off(seen));
        }
    }
}

/// Reads paths out of sources.
#[derive(Default)]
struct Scan {
    names: BTreeMap<ModulePath, Vec<ModulePath>>,
    for_tests: BTreeSet<ModulePath>,
}

impl Scan {
    /// Notes what tokens name. `file`: the module of their file; `at`: the module that they are in, which may be one within it.
    fn tokens(&mut self, tokens: TokenStream, file: &ModulePath, at: &ModulePath) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut index = 0;
        while index < tokens.len() {
            if is_for_tests(&tokens[index..]) {
                let item = &tokens[index + 2..];
                if let Some(name) = module_of_file(item) {
                    self.for_tests.insert([at.clone(), vec![name]].concat());
                }
                index += 2 + length_of_item(item);
                continue;
            }
            let is_after_path = index > 0 && is_punct(&tokens[index - 1], ':');
            match &tokens[index] {
                TokenTree::Ident(word) if word == "mod" => {
                    if let [_, TokenTree::Ident(name), TokenTree::Group(body), ..] =
                        &tokens[index..]
                    {
                        let within = [at.clone(), vec![name.to_string()]].concat();
                        self.tokens(body.stream(), file, &within);
                        index += 3;
                        continue;
                    }
                }
                TokenTree::Ident(_) if !is_after_path => {
                    index += self.path(&tokens[index..], ModulePath::new(), file, at, true);
                    continue;
                }
                TokenTree::Group(group) => self.tokens(group.stream(), file, at),
                _ => {}
            }
            index += 1;
        }
    }

    /// Notes the path, or the tree of paths, that begins here, and says how many tokens it has.
    fn path(
        &mut self,
        tokens: &[TokenTree],
        mut path: ModulePath,
        file: &ModulePath,
        at: &ModulePath,
        mut is_first: bool,
    ) -> usize {
        let (mut index, began) = (0, is_first);
        while let Some(TokenTree::Ident(word)) = tokens.get(index) {
            match word.to_string().as_str() {
                "crate" if is_first => path.clear(),
                "self" if is_first => path.clone_from(at),
                "super" => {
                    if is_first {
                        path.clone_from(at);
                    }
                    path.pop();
                }
                // A name by itself is one of this module: a child, or nothing that is looked for.
                word if is_first => path = [at.clone(), vec![word.to_owned()]].concat(),
                word => path.push(word.to_owned()),
            }
            is_first = false;
            index += 1;
            let continues = tokens.len() > index + 1
                && is_punct(&tokens[index], ':')
                && is_punct(&tokens[index + 1], ':');
            if !continues {
                break;
            }
            index += 2;
        }
        if let Some(TokenTree::Group(group)) = tokens.get(index)
            && group.delimiter() == Delimiter::Brace
            && index > 1
            && is_punct(&tokens[index - 1], ':')
        {
            let branches: Vec<TokenTree> = group.stream().into_iter().collect();
            for branch in branches.split(|token| is_punct(token, ',')) {
                self.path(branch, path.clone(), file, at, false);
            }
            return index + 1;
        }
        // A word by itself names nothing of a module, as in `pub(crate)`; in a list of imports it does.
        if index > 1 || !began {
            self.names.entry(file.clone()).or_default().push(path);
        }
        index.max(1)
    }
}

fn is_punct(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

/// Whether `#[cfg(test)]` begins here.
fn is_for_tests(tokens: &[TokenTree]) -> bool {
    let [mark, TokenTree::Group(attribute), ..] = tokens else {
        return false;
    };
    is_punct(mark, '#') && attribute.stream().to_string().replace(' ', "") == "cfg(test)"
}

/// The name of the module that an item says is in a file of its own.
fn module_of_file(item: &[TokenTree]) -> Option<String> {
    let index = item
        .iter()
        .position(|token| matches!(token, TokenTree::Ident(word) if word == "mod"))?;
    match &item[index..] {
        [_, TokenTree::Ident(name), end, ..] if is_punct(end, ';') && index <= 2 => {
            Some(name.to_string())
        }
        _ => None,
    }
}

/// How many tokens an item has: up to its body, or to its semicolon.
fn length_of_item(item: &[TokenTree]) -> usize {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        token => is_punct(token, ';'),
    };
    item.iter()
        .position(is_end)
        .map_or(item.len(), |end| end + 1)
}

/// The circles of a made-up crate, as `directory: a -> b -> a`.
fn check(files: &[(&str, &str)], circles: &[&str]) {
    let path = |name: &str| -> ModulePath {
        let words = name.split('/').filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    let sources = files
        .iter()
        .map(|(name, text)| (path(name), (*text).to_owned()));
    let found: Vec<String> = Modules::read(&sources.collect())
        .circles()
        .into_iter()
        .map(|(dir, circle)| format!("{}: {}", dir.join("/"), circle.join(" -> ")))
        .collect();
    assert_eq!(found, circles, "{files:?}");
}

#[test]
fn a_circle_is_found_wherever_it_is() {
    let root = ("", "mod a; mod b;");
    check(&[root, ("a", "use crate::b::B;"), ("b", "struct B;")], &[]);
    let circle = [": a -> b -> a"];
    for b in [
        "use crate::a::A;",
        "use crate::{a::A};",
        "use super::a;",
        "fn f() { crate::a::f() }",
        "fn f() { println!(\"{}\", crate::a::f()) }",
        "mod within { use super::super::a::A; }",
    ] {
        check(&[root, ("a", "use crate::b::B;"), ("b", b)], &circle);
    }
    // Between directories, though no two files import each other.
    let files = [
        root,
        ("a/x", "use crate::b::y;"),
        ("a/z", ""),
        ("b/y", ""),
        ("b/w", "use crate::a::z;"),
    ];
    check(&files, &circle);
    // Within one.
    let files = [
        ("", ""),
        ("d/x", "use super::y::Y;"),
        ("d/y", "use crate::d::x::X;"),
    ];
    check(&files, &["d: x -> y -> x"]);
}

#[test]
fn a_child_and_its_parent_are_a_circle_where_each_uses_the_other() {
    let child = ("d/x", "use super::D; fn f() {}");
    check(&[("", ""), ("d", "mod x; struct D;"), child], &[]);
    let parent = ("d", "mod x; struct D; fn g() { x::f() }");
    check(&[("", ""), parent, child], &["d: self -> x -> self"]);
}

#[test]
fn tests_import_what_they_like() {
    let tests = "#[cfg(test)] mod tests { use crate::b::B; }\n#[cfg(test)]\nuse crate::b;";
    check(&[("", ""), ("a", tests), ("b", "use crate::a::A;")], &[]);
    let files = [
        ("", "#[cfg(test)] mod a_tests; mod b;"),
        ("a_tests", "use crate::b::B;"),
        ("b", "fn f() { let a_tests = 1; }"),
    ];
    check(&files, &[]);
}
