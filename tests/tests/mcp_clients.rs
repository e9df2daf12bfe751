//! The official MCP clients and the protocol's conformance suite against the real program. What
//! they need is installed by `tests/setup/mcp-clients`; `tests/mcp/` holds the scripts.
#![allow(clippy::unwrap_used)]

use meanwhile_tests::clients::{self, ends_well, installed, node, script};
use meanwhile_tests::served::{Served, program};
use serde_json::Value;

/// A host whose clock stands on a Monday morning.
fn served() -> Served {
    Served::start(&["--store", "memory", "--clock", "manual:2026-06-01T08:00:00Z"])
}

/// What a client starts to speak over standard streams.
const OVER_STDIO: [&str; 5] = [
    "mcp",
    "--store",
    "memory",
    "--clock",
    "manual:2026-06-01T08:00:00Z",
];

fn python(mode: &str, target: &str) {
    let mut client = clients::python();
    ends_well(client.arg(script("client.py")).args([mode, target]));
}

fn typescript(mode: &str, target: &[&str]) {
    ends_well(node().arg(script("client.mjs")).arg(mode).args(target));
}

/// Runs scenarios of a conformance suite; every check has to succeed or be excused. Those that are
/// left out call tools, prompts and resources that only a server made for the suite has.
fn conformance(suite: &str, version: &str, scenarios: &[&str], excused: impl Fn(&str, &str) -> bool) {
    let served = served();
    let results = tempfile::tempdir().unwrap();
    let suite = installed()
        .join("node/node_modules")
        .join(suite)
        .join("dist/index.js");
    for scenario in scenarios {
        let results = results.path().join(scenario);
        let ended = node()
            .arg(&suite)
            .args([
                "server",
                "--url",
                &mcp(&served),
                "--scenario",
                scenario,
                "--spec-version",
                version,
            ])
            .arg("--output-dir")
            .arg(&results)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&ended.stdout);
        let folder = std::fs::read_dir(&results).unwrap_or_else(|_| panic!("{scenario}: {told}"));
        let checks = folder.last().unwrap().unwrap().path().join("checks.json");
        let checks: Vec<Value> = serde_json::from_slice(&std::fs::read(checks).unwrap()).unwrap();
        assert!(
            checks.iter().any(|check| check["status"] == "SUCCESS"),
            "{scenario}: {told}"
        );
        for check in checks.iter().filter(|check| check["status"] == "FAILURE") {
            let (id, message) = (&check["id"], &check["errorMessage"]);
            let excuse = excused(id.as_str().unwrap(), message.as_str().unwrap_or_default());
            assert!(excuse, "{scenario}, {id}: {message}");
        }
    }
}

fn over_stdio() -> Vec<String> {
    let program = program().to_str().unwrap().to_owned();
    std::iter::once(program)
        .chain(OVER_STDIO.map(str::to_owned))
        .collect()
}

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $body:expr;)*) => {
        $(
            $(#[$doc])*
            #[test]
            #[ignore = "needs tests/setup/mcp-clients"]
            fn $name() {
                $body
            }
        )*
    };
}

fn mcp(served: &Served) -> String {
    format!("{}/mcp", served.client.url)
}

clients! {
    python_over_http_2025_11_25: python("legacy", &mcp(&served()));
    python_over_http_2026_07_28: python("auto", &mcp(&served()));
    python_over_stdio_2025_11_25: python("legacy", &over_stdio().join(" "));
    python_over_stdio_2026_07_28: python("auto", &over_stdio().join(" "));
    typescript_1_over_http: typescript("sdk", &[&mcp(&served())]);
    typescript_1_over_stdio: typescript("sdk", &over_stdio().iter().map(String::as_str).collect::<Vec<_>>());
    typescript_2_over_http_2025_11_25: typescript("legacy", &[&mcp(&served())]);
    typescript_2_over_http_2026_07_28: typescript("auto", &[&mcp(&served())]);
    typescript_2_over_stdio_2026_07_28: typescript("auto", &over_stdio().iter().map(String::as_str).collect::<Vec<_>>());
    conformance_2025_11_25: conformance(
        "@modelcontextprotocol/conformance",
        "2025-11-25",
        &["server-initialize", "ping", "tools-list", "dns-rebinding-protection"],
        |_, _| false,
    );
    conformance_2026_07_28: conformance(
        "conformance-2026",
        "2026-07-28",
        &[
            "server-stateless",
            "tools-list",
            "server-sse-multiple-streams",
            "dns-rebinding-protection",
            "http-header-validation",
            "caching",
        ],
        // Tools made for the suite, and lists of prompts and resources, which a tools server lacks.
        |id, message| {
            message.starts_with("Not testable: server does not list the diagnostic tool")
                || (id.starts_with("sep-2549-prompts") || id.starts_with("sep-2549-resources"))
                    && message.contains("-32601")
        },
    );
}
