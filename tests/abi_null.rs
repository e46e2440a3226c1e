//! Null and nonsense in every argument of every function, and structures of every revision before a forbidden page.

mod support;

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use support::library::{ours, root, scratch};

/// A function as the headers declare it.
struct Function {
    name: String,
    returns: String,
    parameters: Vec<String>,
}

/// All functions that our headers declare and that the library exports.
fn functions() -> Vec<Function> {
    support::require_package("gcc");
    let mut command = Command::new("gcc");
    command.args(["-std=c11", "-E", "-P", "-I", "include", "-include", "librist/librist.h"]);
    command.args(["-include", "librist/udpsocket.h", "-include", "librist/ferrist.h"]);
    command.args(["-x", "c", "/dev/null"]).current_dir(root());
    let out = command.output().expect("gcc");
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let declaration = |name: &str| {
        let start = text.match_indices(&format!("{name}(")).find_map(|(at, _)| {
            let before = text[..at].chars().next_back()?;
            matches!(before, ' ' | '*').then_some(at)
        })?;
        let head = text[..start].rsplit([';', '}', '{']).next().unwrap_or("");
        // An attribute ends in a parenthesis; the return type is behind it.
        let returns = head.rsplit("))").next().unwrap_or("").trim().to_owned();
        let inside = parenthesised(&text[start + name.len()..]);
        Some(Function { name: name.to_owned(), returns, parameters: split(inside) })
    };
    include_str!("abi/symbols.txt").lines().filter_map(declaration).collect()
}

/// What is between the first parenthesis and its partner.
fn parenthesised(text: &str) -> &str {
    let mut depth = 0;
    let end = text.find(|letter| {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        depth == 0
    });
    &text[1..end.expect("a closing parenthesis")]
}

/// Parameters, cut at commas that are not inside parentheses.
fn split(text: &str) -> Vec<String> {
    let mut depth = 0;
    let parts = text.split(|letter| {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        letter == ',' && depth == 0
    });
    parts.map(|part| part.trim().to_owned()).filter(|part| part != "void" && part != "...").collect()
}

fn is_pointer(parameter: &str) -> bool {
    // Callback types are pointers by another name.
    ["*", "_callback", "_cb ", "callback_t", "callback2_t", "lookup_t", "lookup_2_t"]
        .iter()
        .any(|mark| parameter.contains(mark))
}

fn is_context(parameter: &str) -> bool {
    parameter.contains("struct rist_ctx *") && !parameter.contains("**")
}

/// Numbers that do no harm: descriptors must not be those of this process.
fn numbers(function: &str) -> &'static [&'static str] {
    if function.starts_with("udpsocket_") || function.starts_with("rist_tun_") || function.contains("_fd_") {
        &["-1", "12345"]
    } else {
        &["0", "-1", "1"]
    }
}

/// A call with `pointer` in all pointers and `number` in all numbers; `context` in contexts.
fn call(function: &Function, pointer: &str, number: &str, context: Option<&str>) -> String {
    let argument = |parameter: &String| match context {
        Some(context) if is_context(parameter) => context.to_owned(),
        _ if is_pointer(parameter) => format!("(void *)({pointer})"),
        _ => number.to_owned(),
    };
    let arguments: Vec<_> = function.parameters.iter().map(argument).collect();
    format!("{}({})", function.name, arguments.join(", "))
}

fn compile(source: &Path, program: &Path) {
    let library = ours();
    let mut command = Command::new("gcc");
    // Nonsense for callbacks needs conversions that pedantry forbids.
    command.args(["-std=c11", "-w", "-I"]).arg(root().join("include")).arg(source);
    command.arg("-L").arg(&library.directory).args(["-lrist", "-ldl", "-lpthread", "-o"]).arg(program);
    let out = command.output().expect("gcc");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

fn run(program: &Path) -> Output {
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", &ours().directory).output().expect("the program")
}

fn assert_passed(out: &Output) {
    let text = String::from_utf8_lossy(&out.stdout);
    let errors = String::from_utf8_lossy(&out.stderr);
    let end: Vec<_> = text.lines().rev().take(3).collect();
    assert!(out.status.success(), "{}: last lines, latest first: {end:?}\n{errors}", out.status);
}

#[test]
fn no_function_dies_of_nonsense() {
    let functions = functions();
    // All but the two that no header declares.
    assert_eq!(functions.len(), include_str!("abi/symbols.txt").lines().count() - 2);
    let mut code = String::from(HEAD);
    let pointers = ["0", "-1", "1", "17", "4095", "-4096", "-8"];
    for function in &functions {
        let refuses = function.returns == "int" && function.parameters.first().is_some_and(|first| is_context(first));
        for (pointer, number) in pointers.iter().flat_map(|p| numbers(&function.name).iter().map(move |n| (p, n))) {
            let plain = call(function, pointer, number, None);
            writeln!(code, "    TRY({plain});").expect("a String");
            if refuses {
                writeln!(code, "    REFUSED({plain});").expect("a String");
            }
            // A real context and nonsense in everything else. It must outlive this.
            let has_context = function.parameters.iter().any(|parameter| is_context(parameter));
            if has_context && function.name != "rist_destroy" {
                for context in ["sender", "receiver", "main_sender", "main_receiver"] {
                    writeln!(code, "    TRY({});", call(function, pointer, number, Some(context))).expect("a String");
                }
            }
        }
    }
    code.push_str(TAIL);
    let directory = scratch("abi-null");
    let (source, program) = (directory.join("null.c"), directory.join("null"));
    fs::write(&source, code).expect("a file");
    compile(&source, &program);
    assert_passed(&run(&program));
}

const HEAD: &str = r#"
#include <librist/ferrist.h>
#include <librist/librist.h>
#include <librist/udpsocket.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
int librist_get_ng_constants(int, const char **, const char **);
int librist_crypto_srp_create_verifier(const char *, const char *, const char *, const char *, unsigned char **,
                                       size_t *, unsigned char **, size_t *, bool);
#define TRY(call) do { puts(#call); fflush(stdout); (void)(call); } while (0)
#define REFUSED(call) do { puts(#call); fflush(stdout); if ((call) >= 0) exit(3); } while (0)
#define IS(call, value) do { puts(#call); fflush(stdout); if ((call) != (value)) exit(4); } while (0)
int main(void)
{
    struct rist_ctx *sender, *receiver, *main_sender, *main_receiver;
    IS(rist_sender_create(&sender, RIST_PROFILE_SIMPLE, 0, NULL), 0);
    IS(rist_receiver_create(&receiver, RIST_PROFILE_SIMPLE, NULL), 0);
    IS(rist_sender_create(&main_sender, RIST_PROFILE_MAIN, 0, NULL), 0);
    IS(rist_receiver_create(&main_receiver, 77, NULL), 0);
"#;

/// What the pattern above does not reach: nonsense behind good pointers, and handles whose owner has gone.
const TAIL: &str = r#"
    {
        struct rist_ctx *ctx = NULL;
        struct rist_peer *peer = NULL;
        struct rist_data_block block = { .payload = (void *)-1, .payload_len = 5 }, *no_block = NULL, *own = &block;
        struct rist_data_block *three[] = { NULL, &block, (void *)-1 };
        struct rist_oob_block oob = { .payload = (void *)1, .payload_len = 5 };
        const struct rist_oob_block *got_oob = &oob;
        struct rist_peer_config *config = NULL, zero = { 0 };
        struct rist_udp_config *udp = NULL;
        struct rist_logging_settings *logging = NULL, nowhere = LOGGING_SETTINGS_INITIALIZER, zeroed = { 0 };
        rist_thread_callback_t thread = { NULL };
        const char *n = "x", *g = "x", *name = NULL;
        struct rist_advanced_config advanced = { 0 };
        struct rist_subflow subflow = { 0 };
        char ip[8], text[80];
        int prefix = 0;

        IS(rist_receiver_create(&ctx, 0, (void *)-1), -1);
        IS(rist_sender_create(&ctx, 0, 7, NULL), -1);
        IS(rist_sender_data_write(sender, &block), -1);
        block.payload_len = 0;
        IS(rist_sender_data_write(sender, &block), -1);
        block.payload_len = 9969;
        IS(rist_sender_data_write(sender, &block), -1);
        IS(rist_sender_data_write_batch(sender, &block, 0), 0);
        IS(rist_sender_data_write_batch(sender, NULL, 0), 0);
        IS(rist_sender_data_write_batch(receiver, NULL, 0), -1);
        IS(rist_sender_data_write_batch(NULL, NULL, 0), -1);
        IS(rist_sender_data_write_batch(sender, &block, 1), -1);
        IS(rist_sender_data_write_batch(sender, &block, SIZE_MAX), -1);
        IS(rist_sender_data_write_batch(sender, &block, (size_t)INT_MAX + 1), -1);
        IS(rist_sender_data_write_batch(sender, NULL, SIZE_MAX), -1);
        IS(rist_sender_data_write_batch(sender, (void *)((char *)&block + 1), 1), -1);
        IS(rist_receiver_data_read_batch(receiver, NULL, 0, 600000), 0);
        IS(rist_receiver_data_read_batch(receiver, &no_block, 1, 0), 0);
        IS(rist_receiver_data_read_batch(receiver, &no_block, 1, -5), 0);
        IS(rist_receiver_data_read_batch(receiver, NULL, SIZE_MAX, 0), -1);
        IS(rist_receiver_data_read_batch(receiver, &no_block, SIZE_MAX, 0), -1);
        IS(rist_receiver_data_read_batch(receiver, &no_block, SIZE_MAX / 32, 0), 0);
        IS(rist_receiver_data_read_batch(sender, &no_block, 1, 0), -2);
        IS(rist_receiver_data_read_batch(sender, NULL, 0, 0), -2);
        IS(rist_receiver_data_read_batch(NULL, NULL, 0, 0), -1);
        IS(no_block == NULL, 1);
        IS(rist_peer_config_advanced_set(&zero, (void *)-1), -1);
        IS(rist_peer_config_advanced_set((void *)-1, &advanced), -1);
        IS(rist_peer_config_advanced_set(&zero, &advanced), 0);
        IS(rist_flow_attribute_read("{\"sessions\":[]}", 15, (void *)1, NULL), -1);
        IS(rist_flow_attribute_read((void *)1, 15, NULL, NULL), -1);
        IS(rist_flow_attribute_write(text, sizeof text, (void *)1, 1), -1);
        IS(rist_flow_attribute_write(text, sizeof text, (void *)-8, SIZE_MAX / 80), -1);
        IS(rist_flow_attribute_write(text, sizeof text, &subflow, 1), -1);
        subflow.session_version = subflow.session_id = subflow.flow_id = subflow.id = "x";
        subflow.sdp = (void *)1;
        IS(rist_flow_attribute_write(text, sizeof text, &subflow, 1), -1);
        IS(rist_receiver_flow_attr_callback_set(main_receiver, (void *)1, NULL), -1);
        IS(rist_receiver_flow_attr_callback_set(main_receiver, NULL, NULL), 0);
        IS(rist_receiver_flow_attr_callback_set(main_sender, NULL, NULL), -1);
        TRY(rist_receiver_data_block_free_batch(NULL, 0));
        TRY(rist_receiver_data_block_free_batch(NULL, SIZE_MAX));
        TRY(rist_receiver_data_block_free_batch(&no_block, SIZE_MAX));
        TRY(rist_receiver_data_block_free_batch(three, 3));
        IS(three[0] == NULL && three[1] == NULL && three[2] == NULL, 1);
        IS(rist_oob_write(sender, &oob), -1);
        IS(rist_peer_create(sender, &peer, &zero), -1);
        IS(rist_peer_create(sender, NULL, &zero), -1);
        IS(rist_peer_create(sender, &peer, NULL), -1);
        zero.key_size = 100;
        IS(rist_peer_create(sender, &peer, &zero), -1);
        IS(rist_parse_address2(NULL, &config), -1);
        IS(rist_parse_address2("", &config), -1);
        IS(rist_peer_config_free2(&config), 0);
        IS(rist_peer_config_free2(&config), 0);
        IS(rist_parse_address2("rist://127.0.0.1:5000", &config), 0);
        IS(rist_peer_create(main_sender, &peer, config), 0);
        free(config);
        /* The codes of libRIST, of a peer that calls and of one that listens. */
        IS(rist_enable_eap_srp_2(peer, NULL, "p", NULL, NULL), RIST_ERR_NULL_CREDENTIALS);
        IS(rist_enable_eap_srp_2(peer, "", "p", NULL, NULL), RIST_ERR_INVALID_STRING_LENGTH);
        IS(rist_enable_eap_srp_2(peer, "u", "p", (void *)1, NULL), -1);
        IS(rist_enable_eap_srp_2(peer, "u", "p", NULL, NULL), 0);
        IS(rist_peer_update_secret(peer, ""), -1);
        IS(rist_peer_update_secret(peer, (void *)1), -1);
        IS(rist_peer_update_secret(peer, "another"), 0);
        IS(rist_parse_address2("rist://@127.0.0.1:0", (config = NULL, &config)), 0);
        IS(rist_peer_create(main_sender, &peer, config), 0);
        free(config);
        IS(rist_enable_eap_srp_2(peer, NULL, NULL, NULL, NULL), RIST_ERR_MISSING_CALLBACK_FUNCTION);
        IS(rist_enable_eap_srp_2(peer, "", "", NULL, NULL), RIST_ERR_INVALID_STRING_LENGTH);
        IS(rist_enable_eap_srp_2(peer, "u", "p", NULL, NULL), 0);
        oob.peer = peer;
        IS(rist_oob_write(main_receiver, &oob), -1);
        IS(rist_oob_callback_set(main_sender, (void *)1, NULL), -1);
        IS(rist_oob_write(main_sender, &oob), -1);
        IS(rist_oob_callback_set(main_sender, NULL, NULL), 0);
        IS(rist_oob_write(main_sender, &oob), -1);
        oob.payload = "hello";
        IS(rist_oob_write(main_sender, &oob), 0);
        oob.payload_len = 9985;
        IS(rist_oob_write(main_sender, &oob), -1);
        IS(rist_oob_write_typed(main_sender, &oob, 0x88B7), -1);
        oob.payload_len = 5;
        IS(rist_oob_write_typed(main_sender, &oob, 0x88B5), -1);
        IS(rist_oob_write_typed(main_sender, &oob, 0x88B6), -1);
        IS(rist_oob_write_typed(main_sender, &oob, 0x888E), -1);
        IS(rist_oob_write_typed(main_sender, &oob, 0xCCE0), -1);
        IS(rist_oob_write_typed(main_sender, &oob, 0x05FF), -1);
        IS(rist_oob_write_typed(main_sender, (void *)1, 0x88B7), -1);
        IS(rist_oob_write_typed(main_sender, &oob, 0x88B7), 0);
        IS(rist_oob_write_typed(main_sender, &oob, 0x0800), 0);
        IS(rist_oob_write_typed(main_receiver, &oob, 0x88B7), -1);
        oob.peer = NULL;
        IS(rist_oob_write_typed(main_receiver, &oob, 0x88B7), 0);
        IS(rist_oob_write_typed(sender, &oob, 0x88B7), -1);
        IS(rist_oob_typed_callback_set(main_sender, (void *)1, NULL), -1);
        IS(rist_oob_typed_callback_set(main_sender, NULL, NULL), 0);
        IS(rist_oob_typed_callback_set(sender, NULL, NULL), -1);
        IS(rist_oob_read(main_sender, (void *)-1), -1);
        IS(rist_oob_read(main_sender, &got_oob), 0);
        IS(got_oob == NULL, 1);
        IS(rist_parse_address2("rist://h:1?nonsense=1&buffer=7", (config = NULL, &config)), 2);
        IS(rist_peer_config_free2(&config), 0);
        IS(rist_parse_udp_address2("/x", &udp), 0);
        IS(rist_udp_config_free2(&udp), 0);
        IS(rist_set_opt(sender, RIST_OPT_THREAD_CALLBACK, &thread, NULL, NULL), -1);
        IS(rist_set_opt(sender, 5, &thread, NULL, NULL), -1);
        IS(rist_receiver_set_output_fifo_size(sender, 4), -2);
        IS(rist_receiver_set_output_fifo_size(receiver, 4), -3);
        IS(rist_receiver_create(&ctx, 0, NULL), 0);
        IS(rist_receiver_set_output_fifo_size(ctx, 5), -4);
        IS(rist_receiver_set_output_fifo_size(ctx, 0), 0);
        IS(rist_receiver_set_output_fifo_size(ctx, 8192), 0);
        IS(rist_destroy(ctx), 0);
        IS(rist_receiver_set_output_fifo_size(ctx, 8192), -1);
        IS(rist_receiver_data_read2(sender, &no_block, 0), -2);
        TRY(rist_receiver_data_block_free2(&no_block));
        TRY(rist_receiver_data_block_free2(&own));
        IS(own == NULL, 1);
        IS(rist_logging_set(&logging, RIST_LOG_INFO, (void *)1, (void *)1, "@h:1", (void *)-1), -1);
        IS(logging == NULL, 1);
        IS(rist_logging_set(&logging, RIST_LOG_INFO, (void *)1, (void *)1, NULL, (void *)-1), 0);
        TRY(rist_log(logging, RIST_LOG_ERROR, "%s %d %f", "text", 5, 0.5));
        TRY(rist_log(logging, RIST_LOG_ERROR, NULL));
        IS(rist_logging_settings_free2(&logging), 0);
        IS(rist_logging_settings_free2(&logging), 0);
        TRY(rist_log(&nowhere, RIST_LOG_ERROR, "text"));
        TRY(rist_log(&zeroed, RIST_LOG_ERROR, "text"));
        IS(rist_logging_set_global(&zeroed), 0);
        TRY(rist_logging_unset_global());
        IS(rist_enable_eap_srp_2(NULL, "u", "p", NULL, NULL), -2);
        IS(rist_tun_parse_cidr("10.0.0.1/24", ip, sizeof ip, &prefix), -1);
        IS(librist_get_ng_constants(3, &n, &g), 0);
        IS(n[0], 'A');
        IS(librist_get_ng_constants(0, &n, &g), -1);
        IS(librist_get_ng_constants(3, NULL, (void *)-1), -1);
        IS(librist_crypto_srp_create_verifier("", "", "", "", NULL, (void *)1, NULL, NULL, true), -1);
        IS(rist_peer_get_cname(NULL, &name), 0);
        IS(rist_stats_free(NULL), -1);
        IS(rist_destroy(sender), 0);
        IS(rist_destroy(sender), -1);
        IS(rist_start(sender), -1);
        IS(rist_destroy(receiver), 0);
        IS(rist_destroy(main_sender), 0);
        IS(rist_destroy(main_receiver), 0);
        IS(rist_receiver_data_read2(receiver, &no_block, 0), -1);
        IS(rist_receiver_data_read_batch(receiver, &no_block, 1, 0), -1);
        IS(rist_sender_data_write_batch(sender, &block, 1), -1);
    }
    return 0;
}
"#;

#[test]
fn no_revision_of_a_structure_is_overrun() {
    let program = scratch("abi-null").join("revisions");
    compile(&root().join("tests/abi/revisions.c"), &program);
    assert_passed(&run(&program));
}

#[test]
fn callbacks_handles_and_blocks_live_as_long_as_promised() {
    let program = scratch("abi-null").join("lifetime");
    compile(&root().join("tests/abi/lifetime.c"), &program);
    assert_passed(&run(&program));
    support::require_package("valgrind");
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite"]);
    command.arg(&program).env("LD_LIBRARY_PATH", &ours().directory);
    assert_passed(&command.output().expect("valgrind"));
}
