//! The command line, as data.

mod list;
mod selection;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use volc_proto::ecs::{Policy, Snapshots, Verify};
use volc_proto::{Region, Timestamp};

use crate::text::shell;

pub(crate) use self::list::{List, ListForm};
pub(crate) use self::selection::Selection;

/// Deletes custom images of Volcengine ECS by the thousand. Plans first, keeps a journal, and says what became of each.
#[derive(Debug, Parser)]
#[command(name = "volc-images", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// When to use colour. NO_COLOR turns it off where this says auto.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_possible_values = true,
        display_order = 900
    )]
    pub(crate) color: clap::ColorChoice,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Plans a deletion, and carries it out with --yes.
    Delete(Box<Delete>),
    /// Lists images, to look at or to delete.
    List(Box<List>),
    /// Shows how a call is signed, to find out why a signature is refused.
    Explain(Explain),
    /// Runs a stand-in for the service on this machine. Nothing real is deleted.
    Emulator(Emulator),
    /// Prints a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes, the first that holds:
  130  interrupted
   64  wrong usage, or more images than --max-images: nothing was deleted
    4  nothing could be done: credentials, account, permission, network
    3  of some images it is unclear whether they are gone
    2  some images are not gone
    5  none of the images exists in this region for this account (0 with --missing-ok)
    0  all images are gone; none was selected; or only a plan was asked for")]
pub(crate) struct Delete {
    /// Images to delete; - reads them from standard input.
    #[arg(value_name = "IDS")]
    pub(crate) ids: Vec<String>,
    /// More of them: one a line, or the JSON of DescribeImages.
    #[arg(long, value_name = "FILE")]
    pub(crate) ids_file: Option<PathBuf>,
    /// Images that must stay, whoever asks: one a line, or the JSON of DescribeImages.
    #[arg(long, value_name = "FILE")]
    pub(crate) keep_file: Option<PathBuf>,
    /// What becomes of the snapshots that the images are made of. There is no default: the service's own deletes them.
    #[arg(long, value_enum, required_unless_present = "resume")]
    pub(crate) snapshots: Option<SnapshotChoice>,
    /// Delete. Without it, and without a terminal to ask on, only the plan is shown.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) place: Place,

    #[command(flatten)]
    pub(crate) selection: Selection,

    /// Refuse longer lists.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) max_images: usize,
    /// Images in one request, 1 to 100.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) chunk: u8,
    /// Requests per second at most.
    #[arg(long, value_name = "N", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Attempts for one image.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) attempts: u32,
    /// Time for the whole run, such as 10m. A request is started only if it could end within it.
    #[arg(long, value_name = "DURATION", value_parser = deadline)]
    pub(crate) deadline: Option<Duration>,
    /// How long to wait for images that are being copied or exported, such as 30m.
    #[arg(long, value_name = "DURATION", value_parser = wait_busy)]
    pub(crate) wait_busy: Option<Duration>,
    /// Images that do not exist are no reason to stop, nor to complain.
    #[arg(long)]
    pub(crate) missing_ok: bool,
    /// Which images are looked at with DescribeImages around their deletion.
    #[arg(long, value_enum, value_name = "WHICH", default_value_t)]
    pub(crate) verify: VerifyChoice,
    /// How long to go on looking for images that are still there, such as 10m.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = verify_for)]
    pub(crate) verify_for: Duration,

    /// Do not look at the images for the plan.
    #[arg(long)]
    pub(crate) no_look: bool,
    /// Refuse to delete where the key belongs to another account.
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,

    /// Where the journal goes; it must not exist. By default into the user's state directory.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["no_journal", "resume"])]
    pub(crate) journal: Option<PathBuf>,
    /// Keep no journal: what was sent when the program dies is then known to nobody.
    #[arg(long, conflicts_with = "resume")]
    pub(crate) no_journal: bool,
    /// Go on with the run that wrote this journal. The list and the snapshot choice are in it.
    #[arg(long, value_name = "FILE")]
    pub(crate) resume: Option<PathBuf>,

    /// The form of the result on standard output.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Form,
    /// Show every image and every request ID.
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// Rehearse against a stand-in inside this process, where FAULTS, as JSON, may go wrong. The images are there, but for
    /// image-missing…; image-shared…, image-copying…, image-exporting…, image-wrong-status… and image-failing… are what they
    /// are called. A selection is made among a hundred that a team's pipelines leave.
    #[arg(
        long,
        value_name = "FAULTS",
        num_args = 0..=1,
        require_equals = true,
        conflicts_with_all = ["endpoint", "dual_stack", "byteplus", "profile", "resume"]
    )]
    pub(crate) emulator: Option<Option<PathBuf>>,
}

impl Delete {
    /// How the run behaves.
    pub(crate) fn policy(&self) -> Policy {
        let default = Policy::default();
        let busy_for = self.wait_busy.unwrap_or_default();
        Policy {
            chunk: self.chunk.into(),
            attempts: self.attempts,
            deadline: self.deadline,
            requests_per_second: self.rate,
            busy_for,
            // At least once within the time that was asked for.
            busy_every: default.busy_every.min(busy_for.max(SHORTEST_BUSY)),
            missing_ok: self.missing_ok,
            verify: self.verify.into(),
            verify_for: self.verify_for,
            // As random as a hash table's keys: enough to spread the waits of many clients.
            jitter_seed: RandomState::new().build_hasher().finish(),
            ..default
        }
    }
}

/// Where requests go, and for whom.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The region of the images. Else VOLCENGINE_REGION, VOLCSTACK_REGION, or the profile's.
    #[arg(long)]
    pub(crate) region: Option<Region>,
    /// Another address of the service, as https://host:8443; http:// is for this machine only.
    #[arg(long, value_name = "URL", conflicts_with_all = ["dual_stack", "byteplus"])]
    pub(crate) endpoint: Option<String>,
    /// The region's own host name that resolves to IPv6 as well.
    #[arg(long)]
    pub(crate) dual_stack: bool,
    /// BytePlus, the same service outside mainland China.
    #[arg(long)]
    pub(crate) byteplus: bool,
    /// A profile of the vendor's command line, in place of the environment's credentials. Without it VOLCENGINE_PROFILE is
    /// used where the environment has no credentials.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

impl Place {
    /// The flags that a later run needs to reach the same endpoint with the same key, each with a blank behind it.
    pub(crate) fn flags(&self) -> String {
        let option = |name: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!("--{name} {} ", shell(value))).unwrap_or_default()
        };
        let flag = |set: bool, flag| if set { flag } else { "" };
        option("profile", &self.profile)
            + &option("endpoint", &self.endpoint)
            + flag(self.dual_stack, "--dual-stack ")
            + flag(self.byteplus, "--byteplus ")
    }
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The images of the call; an example's without.
    #[arg(value_name = "IDS")]
    pub(crate) ids: Vec<String>,
    /// The call's snapshot choice.
    #[arg(long, value_enum, default_value_t = SnapshotChoice::Keep)]
    pub(crate) snapshots: SnapshotChoice,
    /// The time to sign for, as 20230707T105452Z. Without it: the time in FILE, or now.
    #[arg(long, value_name = "X-DATE")]
    pub(crate) at: Option<Timestamp>,
    /// A canonical request that the service or another SDK printed: shows the first difference.
    #[arg(long, value_name = "FILE")]
    pub(crate) compare: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Emulator {
    /// How many images to make up, as a team's pipelines leave them; some are shared with other accounts or being copied.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = RangedU64ValueParser::<usize>::new().range(..=1_000_000))]
    pub(crate) images: usize,
    /// Write their IDs to a file, to be used as --ids-file.
    #[arg(long, value_name = "FILE")]
    pub(crate) write_ids: Option<PathBuf>,
    /// What goes wrong, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    /// Where to listen; port 0 for a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// The region of the images.
    #[arg(long, default_value = "cn-beijing")]
    pub(crate) region: Region,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SnapshotChoice {
    /// They stay, and go on costing money.
    Keep,
    /// They are deleted with the images.
    Delete,
}

impl From<SnapshotChoice> for Snapshots {
    fn from(choice: SnapshotChoice) -> Self {
        match choice {
            SnapshotChoice::Keep => Self::Keep,
            SnapshotChoice::Delete => Self::Delete,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum VerifyChoice {
    /// None.
    Never,
    /// At the end, those that are unclear.
    #[default]
    Unclear,
    /// At the end, those that are unclear and those that count as gone.
    All,
    /// All before anything is sent: one that is not there, or not of this account, is not asked for. At the end, those that
    /// are unclear.
    Before,
}

impl From<VerifyChoice> for Verify {
    fn from(choice: VerifyChoice) -> Self {
        match choice {
            VerifyChoice::Never => Self::Never,
            VerifyChoice::Unclear => Self::Unclear,
            VerifyChoice::All => Self::All,
            VerifyChoice::Before => Self::Before,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Form {
    /// A table for people.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// One JSON object a line: the run, its attempts, each image, the end.
    Ndjson,
}

/// The time that one request may take, [`volc_proto::ecs::Policy::attempt_timeout`]: within less nothing could be started.
const SHORTEST_DEADLINE: Duration = Duration::from_secs(30);

/// The shortest pause before a busy image is asked for again.
const SHORTEST_BUSY: Duration = Duration::from_secs(1);

fn deadline(text: &str) -> Result<Duration, String> {
    duration(text, SHORTEST_DEADLINE)
}

fn older_than(text: &str) -> Result<Duration, String> {
    let expected = || "expected a duration of at least 1 s, like 12h, 30d or 6months".to_owned();
    humantime::parse_duration(text).ok().filter(|duration| duration.as_secs() > 0).ok_or_else(expected)
}

fn verify_for(text: &str) -> Result<Duration, String> {
    duration(text, Duration::ZERO)
}

fn wait_busy(text: &str) -> Result<Duration, String> {
    duration(text, SHORTEST_BUSY)
}

fn duration(text: &str, least: Duration) -> Result<Duration, String> {
    let expected = || format!("expected a duration of at least {} s, like 90s, 10m or 1h30m", least.as_secs());
    humantime::parse_duration(text).ok().filter(|duration| *duration >= least).ok_or_else(expected)
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.001..=1e6).contains(rate));
    rate.ok_or_else(|| "expected 0.001 to 1000000 requests per second".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn bounds_are_checked_at_the_door() {
        assert_eq!(deadline("30s"), Ok(SHORTEST_DEADLINE));
        assert_eq!(wait_busy("1h30m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(rate("0.5"), Ok(0.5));
        for (result, text) in
            [(deadline("29s"), "29s"), (deadline("10"), "10"), (wait_busy("0s"), "0s"), (wait_busy("-1s"), "-1s")]
        {
            assert!(result.is_err(), "{text}");
        }
        for text in ["0", "-1", "nan", "inf", "fast", "1e7"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
