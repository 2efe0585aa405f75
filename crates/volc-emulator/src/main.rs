//! The emulator as a program.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use lexopt::prelude::{Long, Short, Value, ValueExt};
use volc_emulator::{Builder, Emulator, Image, ImageState};
use volc_proto::Credentials;

const USAGE: &str = "\
volc-emulator [CONFIG.json] [--images N] [--seed N] [--listen 127.0.0.1:0] [--scenario FAULTS.json]
              [--allow-non-loopback]

A stand-in for the Volcengine ECS endpoint. Nothing real is deleted.

  CONFIG.json            credentials, images and faults; without it a small inventory of its own
  --images N             this many generated images: instead of that inventory, or beside CONFIG.json's
  --seed N               what --images generates: the same for the same number and day (default 0)
  --listen ADDRESS       where to listen, port 0 for a free one (default 127.0.0.1:0)
  --scenario FAULTS.json more faults, behind those of CONFIG.json
  --allow-non-loopback   lets --listen name an address that other machines reach
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "volc-emulator: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Arguments {
    config: Option<PathBuf>,
    images: Option<usize>,
    seed: Option<u64>,
    listen: Option<SocketAddr>,
    scenario: Option<PathBuf>,
    allow_non_loopback: bool,
    help: bool,
}

impl Arguments {
    fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, lexopt::Error> {
        let mut parsed = Self::default();
        let mut parser = lexopt::Parser::from_iter(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("images") => parsed.images = Some(parser.value()?.parse()?),
                Long("seed") => parsed.seed = Some(parser.value()?.parse()?),
                Long("listen") => parsed.listen = Some(parser.value()?.parse()?),
                Long("scenario") => parsed.scenario = Some(parser.value()?.into()),
                Long("allow-non-loopback") => parsed.allow_non_loopback = true,
                Long("help") | Short('h') => parsed.help = true,
                Value(path) if parsed.config.is_none() => parsed.config = Some(path.into()),
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(parsed)
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse(std::env::args_os())?;
    if arguments.help {
        io::stdout().write_all(USAGE.as_bytes())?;
        return Ok(());
    }
    if arguments.seed.is_some() && arguments.images.is_none() {
        return Err("expected --images beside --seed".into());
    }
    let mut builder = match &arguments.config {
        Some(path) => Builder::from_json(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))?,
        None => sample(arguments.images.is_none()),
    };
    if let Some(count) = arguments.images {
        builder = builder.images(Image::generate(count, arguments.seed.unwrap_or_default(), SystemTime::now().into()));
    }
    if let Some(path) = &arguments.scenario {
        builder = builder.faults_from_json(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if let Some(address) = arguments.listen {
        builder = builder.listen(address);
    }
    if arguments.allow_non_loopback {
        builder = builder.allow_non_loopback();
    }
    let emulator = builder.start()?;

    let mut stdout = io::stdout();
    writeln!(stdout, "listening on {}", emulator.url())?;
    stdout.flush()?;
    // Whoever started it may have closed stderr; that is no reason to stop.
    let _ = explain(&emulator, arguments.config.is_none());
    loop {
        std::thread::park();
    }
}

fn read(path: &PathBuf) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

const ACCESS_KEY_ID: &str = "AKLTNothingRealEmulatorOnly";
const SECRET_ACCESS_KEY: &str = "not-a-secret";

fn sample(with_images: bool) -> Builder {
    let who = Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY).expect("visible ASCII");
    let builder = Emulator::builder().credentials(who);
    if !with_images {
        return builder;
    }
    let available = (1..=5).map(|n| Image::new(format!("image-available{n}")).snapshots([format!("snap-available{n}")]));
    builder.images(available).images([
        Image::new("image-shared").state(ImageState::Shared),
        Image::new("image-copying").state(ImageState::Copying).for_calls(2),
        Image::new("image-exporting").state(ImageState::Exporting),
        Image::new("image-wrong-status").state(ImageState::WrongStatus),
        Image::new("image-failing").state(ImageState::Failing).for_calls(1),
    ])
}

fn explain(emulator: &Emulator, sample: bool) -> io::Result<()> {
    let mut stderr = io::stderr();
    writeln!(stderr, "This is an emulator: nothing real is deleted. What is still there: {}/_emulator/images", emulator.url())?;
    if sample {
        writeln!(stderr, "Its key, for a client's environment:")?;
        writeln!(stderr, "export VOLCENGINE_ACCESS_KEY={ACCESS_KEY_ID}")?;
        writeln!(stderr, "export VOLCENGINE_SECRET_KEY={SECRET_ACCESS_KEY}")?;
    }
    Ok(())
}
