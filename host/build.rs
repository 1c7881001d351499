//! Embeds every component of `plugins/dist/` in the binary. The folder may be empty or absent.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let folder = here.join("../plugins/dist");
    println!("cargo::rerun-if-changed=build.rs");
    // An absent folder counts as changed at each build, which is cheap: the result is the same.
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("read plugins/dist").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .collect();
    files.sort();
    let mut code = String::from("/// The components of `plugins/dist/`, in the order of their file names.\n");
    code += "static BUILT_IN: &[&[u8]] = &[\n";
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        code += &format!("    include_bytes!({:?}),\n", file.display().to_string());
    }
    code += "];\n";
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("builtin.rs"), code).expect("write to OUT_DIR");
}
