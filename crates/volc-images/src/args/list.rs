//! `volc-images list`, as data.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use volc_proto::ecs::{DescribeImages, Visibility};

use super::Place;
use super::selection::tag;
use crate::select::Tag;

#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
   0  all that there is was listed, be it nothing
   4  it could not be read: credentials, permission, network
  64  wrong usage: nothing was sent")]
pub(crate) struct List {
    /// Only these images; - reads them from standard input.
    #[arg(value_name = "IDS")]
    pub(crate) ids: Vec<String>,
    /// Only images of this name.
    #[arg(long)]
    name: Option<String>,
    /// Whose images: private ones, unless IDS say otherwise.
    #[arg(long, value_enum)]
    visibility: Option<VisibilityChoice>,
    /// Only images in this status, such as available or creating; up to ten may be named.
    #[arg(long)]
    status: Vec<String>,
    /// Only images of this life cycle (ImageStatus).
    #[arg(long, value_name = "STATUS")]
    image_status: Option<String>,
    /// Only images for Linux or Windows.
    #[arg(long, value_name = "OS")]
    os_type: Option<String>,
    /// Only images of this platform, such as CentOS.
    #[arg(long)]
    platform: Option<String>,
    /// Only images that this instance type can start from.
    #[arg(long, value_name = "TYPE")]
    instance_type: Option<String>,
    /// Only images with, or without, support for cloud-init.
    #[arg(long, value_name = "BOOL")]
    cloud_init: Option<bool>,
    /// With true, only public images with long-term support; the service ignores false.
    #[arg(long, value_name = "BOOL")]
    lts: Option<bool>,
    /// Only images of this project.
    #[arg(long)]
    project: Option<String>,
    /// Only images with this tag. The service then finds at most 1,000: so many are refused as a list.
    #[arg(long, value_name = "KEY[=VALUE]", value_parser = tag)]
    pub(crate) tag: Vec<Tag>,
    #[command(flatten)]
    pub(crate) place: Place,

    /// The form of the list on standard output.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: ListForm,
    /// List a hundred images as a team's pipelines leave them, of a stand-in inside this process, where FAULTS, as JSON, may
    /// go wrong.
    #[arg(
        long,
        value_name = "FAULTS",
        num_args = 0..=1,
        require_equals = true,
        conflicts_with_all = ["endpoint", "dual_stack", "byteplus", "profile"]
    )]
    pub(crate) emulator: Option<Option<PathBuf>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum VisibilityChoice {
    /// The account's own: those that can be deleted.
    Private,
    /// The vendor's.
    Public,
    /// Other accounts', shared with this one.
    Shared,
    /// All of them.
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ListForm {
    /// A table for people.
    #[default]
    Text,
    /// One JSON document, with all that the service says of each image.
    Json,
    /// One ID a line, to pipe into `delete -`.
    Ids,
    /// One JSON object a line: each image, the end.
    Ndjson,
}

impl List {
    /// What to ask the service for, but for the IDs.
    ///
    /// # Errors
    ///
    /// What was expected of flags that the service would refuse.
    pub(crate) fn filter(&self) -> Result<DescribeImages, &'static str> {
        if self.status.len() > 10 {
            return Err("expected --status at most ten times");
        }
        let mut filter = DescribeImages::new();
        let unless_said = if self.ids.is_empty() { VisibilityChoice::Private } else { VisibilityChoice::Any };
        filter = match self.visibility.unwrap_or(unless_said) {
            VisibilityChoice::Private => filter.visibility(Visibility::Private),
            VisibilityChoice::Public => filter.visibility(Visibility::Public),
            VisibilityChoice::Shared => filter.visibility(Visibility::Shared),
            VisibilityChoice::Any => filter,
        };
        type With = fn(DescribeImages, String) -> DescribeImages;
        let texts: [(&Option<String>, With); 6] = [
            (&self.name, DescribeImages::image_name),
            (&self.image_status, DescribeImages::image_status),
            (&self.os_type, DescribeImages::os_type),
            (&self.platform, DescribeImages::platform),
            (&self.instance_type, DescribeImages::instance_type_id),
            (&self.project, DescribeImages::project_name),
        ];
        filter = texts.into_iter().fold(filter, |filter, (text, with)| match text {
            Some(text) => with(filter, text.clone()),
            None => filter,
        });
        filter = self.status.iter().fold(filter, |filter, status| filter.status(status));
        if let Some(supports) = self.cloud_init {
            filter = filter.supports_cloud_init(supports);
        }
        if let Some(lts) = self.lts {
            filter = filter.is_lts(lts);
        }
        Ok(self.tag.iter().fold(filter, |filter, tag| filter.tag(&tag.key, tag.value.clone())))
    }
}
