//! An inventory as a few years of a team's image pipelines leave it.

use volc_proto::Timestamp;

use crate::image::{Image, ImageState, OsType};
use crate::scenario::mixed;
use crate::snapshot::Snapshot;

/// A line of images that is built again and again: name, operating system, distribution, GiB, team.
type Line = (&'static str, OsType, &'static str, u32, &'static str);

const LINES: [Line; 8] = [
    ("golden-ubuntu-2204", OsType::Linux, "Ubuntu", 20, "platform"),
    ("golden-debian-12", OsType::Linux, "Debian", 20, "platform"),
    ("golden-windows-2022", OsType::Windows, "Windows Server", 60, "platform"),
    ("golden-centos-7", OsType::Linux, "CentOS", 40, "platform"),
    ("ci-runner", OsType::Linux, "Ubuntu", 100, "ci"),
    ("gpu-train", OsType::Linux, "Ubuntu", 200, "ml"),
    ("web-base", OsType::Linux, "Debian", 40, "web"),
    ("db-restore", OsType::Linux, "CentOS", 80, "data"),
];

/// Builds of one line; with more images there are more lines.
const BUILDS: usize = 120;

/// Seconds.
const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

impl Image {
    /// This many images as a team's pipelines leave them: in lines such as `golden-ubuntu-2204-20240131`, the newest made
    /// shortly before `now` and the older ones a few days apart, with tags, snapshots and sizes; some of them shared, and
    /// some being copied. The same arguments give the same images.
    pub fn generate(count: usize, seed: u64, now: Timestamp) -> Vec<Self> {
        let lines = count.div_ceil(10).clamp(1, LINES.len()).max(count.div_ceil(BUILDS));
        let mut images = Vec::with_capacity(count);
        for line in 0..lines {
            // Day and hour of the build before.
            let mut built = now;
            for build in 0..(count - line).div_ceil(lines) {
                let mut lot = Lot::new(seed, line, build);
                let days = if build == 0 { lot.below(4) } else { 1 + lot.below(6) };
                built = built.shifted(-((days * DAY + lot.below(8) * HOUR + lot.below(HOUR)) as i64));
                images.push(one(&mut lot, line, built));
            }
        }
        images
    }
}

fn one(lot: &mut Lot, line: usize, built: Timestamp) -> Image {
    let (name, os_type, platform, size, team) = LINES[line % LINES.len()];
    let name = match line / LINES.len() {
        0 => name.to_owned(),
        copy => format!("{name}-v{}", copy + 1),
    };
    let size = size + 10 * lot.below(3) as u32;
    let mut snapshots = vec![Snapshot::new(lot.id("snap")).size(size)];
    if lot.below(5) == 0 {
        snapshots.push(Snapshot::new(lot.id("snap")).size(100 * (1 + lot.below(4) as u32)));
    }
    // The day in Beijing, as in the dates of descriptions.
    let day = built.shifted(8 * HOUR as i64).to_string();
    let image = Image::new(lot.id("image"))
        .name(format!("{name}-{}", &day[..8]))
        .created_at(built)
        .updated_at(built.shifted(lot.below(HOUR) as i64))
        .size(size)
        .snapshots(snapshots)
        .os_type(os_type)
        .platform(platform)
        .tag("team", team)
        .tag("stage", ["dev", "staging", "production"][lot.below(3) as usize]);
    let image = if lot.below(20) == 0 { image.tag("keep", "true") } else { image };
    match lot.below(100) {
        0..3 => image.state(ImageState::Shared),
        3..5 => image.state(ImageState::Copying).for_calls(1 + lot.below(3)),
        _ => image,
    }
}

/// Numbers that look drawn by lot, and are the same each time.
struct Lot {
    state: u64,
}

impl Lot {
    fn new(seed: u64, line: usize, build: usize) -> Self {
        Self { state: mixed(&[seed, line as u64, build as u64]) }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.state = mixed(&[self.state]);
        self.state % end
    }

    /// As the documents print IDs: about 20 lower-case letters and digits.
    fn id(&mut self, kind: &str) -> String {
        const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let text: String = (0..20).map(|_| char::from(DIGITS[self.below(36) as usize])).collect();
        format!("{kind}-{text}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::builder::Builder;

    fn now() -> Timestamp {
        Timestamp::from_unix(1_706_716_800).unwrap()
    }

    #[test]
    fn as_many_images_as_asked_for_and_the_same_each_time() {
        for count in [0, 1, 2, 9, 10, 81, 100, 4_000] {
            let images = Image::generate(count, 7, now());
            assert_eq!(images.len(), count);
            assert_eq!(images, Image::generate(count, 7, now()));
            Builder::new().images(images.clone()).check().unwrap();
            let names: BTreeSet<_> = images.iter().map(|image| &image.name).collect();
            assert_eq!(names.len(), count, "names are unlike");
        }
        assert_ne!(Image::generate(10, 7, now()), Image::generate(10, 8, now()));
    }

    #[test]
    fn each_line_has_new_and_old_images_and_the_whole_has_some_of_each_kind() {
        let images = Image::generate(400, 1, now());
        let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for image in &images {
            let (line, day) = image.name.as_ref().unwrap().rsplit_once('-').unwrap();
            let created = image.created_at.clone().unwrap();
            assert_eq!(created[..10].replace('-', ""), day);
            assert!(created < crate::image::rfc3339(now()));
            lines.entry(line.to_owned()).or_default().push(created);
        }
        assert_eq!(lines.len(), 8);
        for (line, dates) in lines {
            assert_eq!(dates.len(), 50);
            let young = dates.iter().filter(|date| date.as_str() > "2024-01-01").count();
            assert!((3..=30).contains(&young), "{line}: {dates:?}");
        }
        let some = |what: fn(&Image) -> bool| (1..100).contains(&images.iter().filter(|image| what(image)).count());
        assert!(some(|image| image.state == ImageState::Shared));
        assert!(some(|image| image.state == ImageState::Copying));
        assert!(some(|image| image.tags.contains_key("keep")));
        assert!(some(|image| image.snapshots.len() > 1));
    }
}
