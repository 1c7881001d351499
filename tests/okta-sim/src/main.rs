//! The simulator as a program.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use okta_sim::{
    Access, DEFAULT_TOKEN, Fault, FaultRule, Limits, LogDelay, Population, Quirks, RunningSim, ServiceApp,
    Sim, load,
};

/// Serves a generated organisation over Okta's Management API on a loopback address, until interrupted.
#[derive(Debug, Parser)]
#[command(version, after_help = faults_help())]
struct Options {
    /// Users, of every status
    #[arg(long, default_value_t = 250)]
    users: u32,
    /// Groups besides Everyone
    #[arg(long, default_value_t = 20)]
    groups: u32,
    /// Members of each group that isn't empty
    #[arg(long, default_value_t = 15)]
    members_per_group: u32,
    /// How many of the groups have no members
    #[arg(long, default_value_t = 2)]
    empty_groups: u32,
    /// Applications, each with a few users and up to three groups
    #[arg(long, default_value_t = 0)]
    apps: u32,
    /// The same seed and sizes give the same organisation
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leave awkward data out: every user active with a full profile, exact group sizes
    #[arg(long)]
    plain: bool,

    /// Address to listen on, loopback only; port 0 chooses one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The token with full access
    #[arg(long, default_value = DEFAULT_TOKEN)]
    token: String,
    /// A token without admin role: users are an empty list, all else is forbidden
    #[arg(long)]
    narrow_token: Vec<String>,
    /// The client id of an OAuth service app that may read users, groups, applications and the log
    #[arg(long, requires = "app_keys")]
    service_app: Option<String>,
    /// A file with the app's public keys, as a JWK or a set of them
    #[arg(long, requires = "service_app")]
    app_keys: Option<std::path::PathBuf>,
    /// Milliseconds each request takes
    #[arg(long, default_value_t = 0)]
    latency: u64,
    /// Compress for clients that accept gzip (the default)
    #[arg(long, overrides_with = "no_gzip")]
    gzip: bool,
    /// Never compress
    #[arg(long, overrides_with = "gzip")]
    no_gzip: bool,
    /// How many of the last requests GET /_sim/requests shows
    #[arg(long, default_value_t = 10_000)]
    request_log: usize,
    /// Seconds the organisation's clock is ahead of this machine's
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    clock_offset: i64,

    /// Milliseconds until a search or filter of users, or a search of groups, sees a change
    #[arg(long, default_value_t = 0)]
    search_lag: u64,
    /// Milliseconds until the System Log holds an event
    #[arg(long, default_value_t = 0)]
    log_delay: u64,
    /// Make each event of this number late, 0 for none
    #[arg(long, default_value_t = 0)]
    late_every: u64,
    /// Milliseconds that late events take longer
    #[arg(long, default_value_t = 5000)]
    late_by: u64,
    /// How many of the last events the System Log keeps
    #[arg(long, default_value_t = 100_000)]
    log_events: usize,

    /// Where the limits begin; single limits below override it
    #[arg(long, value_enum, default_value_t = Plan::None)]
    limits: Plan,
    /// Requests of the whole organisation per window: /users
    #[arg(long)]
    limit_users: Option<u32>,
    /// … /users/{id}
    #[arg(long)]
    limit_user: Option<u32>,
    /// … /groups and below each group
    #[arg(long)]
    limit_groups: Option<u32>,
    /// … /groups/{id}
    #[arg(long)]
    limit_group: Option<u32>,
    /// … /apps and below
    #[arg(long)]
    limit_apps: Option<u32>,
    /// … /logs
    #[arg(long)]
    limit_logs: Option<u32>,
    /// … /oauth2/v1/token
    #[arg(long)]
    limit_token: Option<u32>,
    /// … everything else
    #[arg(long)]
    limit_other: Option<u32>,
    /// Requests in flight at once
    #[arg(long)]
    concurrency: Option<u32>,
    /// Length of a rate-limit window in milliseconds
    #[arg(long)]
    window: Option<u64>,
    /// Percentage of each limit that one token may use
    #[arg(long)]
    token_share: Option<u32>,

    /// Measure it alone: read pages of each kind for this many seconds, say what they cost, and end
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    load: Option<Duration>,

    /// Scheme and host of next links, instead of the ones called
    #[arg(long)]
    next_origin: Option<String>,
    /// Send both links in one header
    #[arg(long)]
    one_link_header: bool,
    /// Send pages shorter than their limit
    #[arg(long)]
    short_pages: bool,
    /// Send an empty page after the last
    #[arg(long)]
    empty_last_page: bool,

    /// Spoil some requests; may be given several times. The kinds are listed below
    #[arg(long, value_name = "KIND [OPTION=VALUE …]")]
    fault: Vec<FaultRule>,
}

/// What `--fault` takes.
fn faults_help() -> String {
    let mut help = String::from("Faults:\n");
    for (name, options, summary) in Fault::ALL {
        let head = format!("{name} {options}");
        // What is too long for the column has a line of its own.
        let gap = if head.len() > 30 { format!("\n{:33}", "") } else { " ".repeat(31 - head.len()) };
        help.push_str(&format!("  {head}{gap}{summary}\n"));
    }
    help + "\nWhich requests a fault strikes, each of these being optional:\n  \
        where=CLASS     users, user, user-groups, groups (the list), group, members, apps, logs, token;\n                  \
        or a path, /api/v1/groups/{id}/users, where braces stand for any one segment\n  \
        group=GROUP     only below the group of this id or name\n  \
        nth=N           the nth of these alone; every=N: every nth; chance=0.1 [seed=N]: by chance\n  \
        times=N         at most so often\n\n\
        Example:\n  okta-sim --fault 'rate-limited reset=2 where=members every=5' --fault 'truncated nth=3'"
}

/// Published sets of limits.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Plan {
    None,
    Integrator,
    Workforce,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

impl Options {
    fn limits(&self) -> Limits {
        let plan = match self.limits {
            Plan::None => Limits::default(),
            Plan::Integrator => Limits::integrator(),
            Plan::Workforce => Limits::workforce(),
        };
        Limits {
            users: self.limit_users.unwrap_or(plan.users),
            user: self.limit_user.unwrap_or(plan.user),
            groups: self.limit_groups.unwrap_or(plan.groups),
            group: self.limit_group.unwrap_or(plan.group),
            apps: self.limit_apps.unwrap_or(plan.apps),
            logs: self.limit_logs.unwrap_or(plan.logs),
            token: self.limit_token.unwrap_or(plan.token),
            other: self.limit_other.unwrap_or(plan.other),
            concurrent: self.concurrency.unwrap_or(plan.concurrent),
            window_ms: self.window.unwrap_or(plan.window_ms),
            token_share_percent: self.token_share.unwrap_or(plan.token_share_percent),
        }
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let mut builder = Sim::builder()
        .population(Population {
            users: options.users,
            groups: options.groups,
            members_per_group: options.members_per_group,
            empty_groups: options.empty_groups,
            apps: options.apps,
            seed: options.seed,
            awkward: !options.plain,
        })
        .limits(options.limits())
        .listen(options.listen)
        .token(&options.token)
        .latency(Duration::from_millis(options.latency))
        .gzip(options.gzip || !options.no_gzip)
        .request_log(options.request_log)
        .clock_offset_seconds(options.clock_offset)
        .search_lag(Duration::from_millis(options.search_lag))
        .log_delay(LogDelay {
            delay_ms: options.log_delay,
            late_every: options.late_every,
            late_by_ms: options.late_by,
        })
        .log_events(options.log_events)
        .quirks(Quirks {
            next_origin: options.next_origin,
            one_link_header: options.one_link_header,
            short_pages: options.short_pages,
            empty_last_page: options.empty_last_page,
        });
    for rule in options.fault {
        builder = builder.fault(rule);
    }
    for token in options.narrow_token {
        builder = builder.extra_token(token, Access::NoAdminRole);
    }
    let sim = builder.start().await?;
    if let (Some(client_id), Some(file)) = (options.service_app, options.app_keys) {
        sim.set_service_app(ServiceApp::new(client_id, keys(&file)?, &SCOPES));
    }
    if let Some(duration) = options.load {
        return tokio::task::spawn_blocking(move || report(&sim, duration)).await?;
    }
    println!("listening on {}", sim.url());
    tokio::signal::ctrl_c().await?;
    sim.shutdown().await;
    Ok(())
}

/// What the service app of the command line may read.
const SCOPES: [&str; 4] = ["okta.users.read", "okta.groups.read", "okta.apps.read", "okta.logs.read"];

/// The keys of a file: a set of them, or one.
fn keys(file: &std::path::Path) -> std::io::Result<Vec<serde_json::Value>> {
    let mut read: serde_json::Value = serde_json::from_slice(&std::fs::read(file)?)?;
    match read["keys"].take() {
        serde_json::Value::Array(keys) => Ok(keys),
        _ => Ok(vec![read]),
    }
}

/// Measures each kind of page and prints a line for it.
fn report(sim: &RunningSim, duration: Duration) -> std::io::Result<()> {
    let largest = sim
        .group_ids()
        .into_iter()
        .skip(1)
        .max_by_key(|group| sim.member_ids(group).map(|members| members.len()).unwrap_or_default());
    let mut kinds = vec![
        ("users", "/api/v1/users?limit=200".to_owned()),
        ("search", "/api/v1/users?limit=200&search=status+pr".to_owned()),
        ("groups", "/api/v1/groups?limit=200&expand=stats".to_owned()),
    ];
    if let Some(group) = largest {
        kinds.push(("members", format!("/api/v1/groups/{group}/users?limit=1000")));
    }
    println!(
        "{:8} {:8} {:>9} {:>9} {:>9} {:>12}",
        "pages", "coding", "kB each", "pages/s", "MB/s", "CPU us each"
    );
    for (name, target) in &kinds {
        for (coding, gzip) in [("identity", false), ("gzip", true)] {
            let measured = load::measure(sim.address(), sim.token(), target, gzip, duration)?;
            let bytes = measured.bytes as f64;
            let cpu = measured.cpu_per_page().map_or("-".to_owned(), |cpu| cpu.as_micros().to_string());
            println!(
                "{name:8} {coding:8} {:9.1} {:9.0} {:9.1} {cpu:>12}",
                bytes / measured.pages.max(1) as f64 / 1e3,
                measured.rate(),
                bytes / measured.wall.as_secs_f64() / 1e6,
            );
        }
    }
    Ok(())
}
