//! Gives the shared library its soname and compiles the variadic half of `rist_log`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=csrc/log.c");
    cc::Build::new().file("csrc/log.c").warnings(true).compile("ferrist_log");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,librist.so.4");
    }
}
