//! Lists of images: from arguments, files and standard input.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use volc_proto::ecs::ImageId;

/// Images in the order given, each once.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct List {
    pub(crate) ids: Vec<ImageId>,
    /// How many were there before.
    pub(crate) duplicates: usize,
    /// Whether a source said of itself that it is a page and more follow.
    pub(crate) partial: bool,
}

impl List {
    /// Reads arguments, then the file. `-`, once, stands for standard input.
    pub(crate) fn read(arguments: &[String], file: Option<&Path>, stdin: &mut dyn Read) -> Result<Self, InvalidList> {
        let mut reader = Reader::default();
        let mut stdin = Some(stdin);
        let mut read_stdin = |reader: &mut Reader| match stdin.take() {
            Some(stdin) => reader.source("standard input", stdin),
            None => Err(InvalidList::new("standard input", None, "expected `-` once")),
        };
        for (index, argument) in arguments.iter().enumerate() {
            if argument == "-" {
                read_stdin(&mut reader)?;
                continue;
            }
            let id = ImageId::new(argument.as_str());
            reader.push(id.map_err(|error| InvalidList::new(format!("ID {}", index + 1), None, error))?);
        }
        match file {
            Some(path) if path == Path::new("-") => read_stdin(&mut reader)?,
            Some(path) => reader.file(path)?,
            None => {}
        }
        Ok(reader.list)
    }

    /// Reads one file.
    pub(crate) fn read_file(path: &Path) -> Result<Self, InvalidList> {
        let mut reader = Reader::default();
        reader.file(path)?;
        Ok(reader.list)
    }
}

#[derive(Default)]
struct Reader {
    list: List,
    seen: HashSet<ImageId>,
}

impl Reader {
    fn push(&mut self, id: ImageId) {
        if self.seen.insert(id.clone()) { self.list.ids.push(id) } else { self.list.duplicates += 1 }
    }

    fn file(&mut self, path: &Path) -> Result<(), InvalidList> {
        let name = path.display().to_string();
        let mut file = File::open(path).map_err(|error| InvalidList::new(&name, None, error))?;
        self.source(&name, &mut file)
    }

    fn source(&mut self, name: &str, source: &mut dyn Read) -> Result<(), InvalidList> {
        let mut text = String::new();
        source.read_to_string(&mut text).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => InvalidList::new(name, None, "expected UTF-8 text"),
            _ => InvalidList::new(name, None, error),
        })?;
        // Editors on Windows put a byte order mark in front.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        if text.trim_start().starts_with(['{', '[']) { self.json(name, text) } else { self.lines(name, text) }
    }

    fn lines(&mut self, name: &str, text: &str) -> Result<(), InvalidList> {
        for (index, line) in text.lines().enumerate() {
            // No ID has a `#`, so that a comment may follow one.
            let id = line.split('#').next().unwrap_or_default().trim();
            if !id.is_empty() {
                self.push(ImageId::new(id).map_err(|error| InvalidList::new(name, Some(index + 1), error))?);
            }
        }
        Ok(())
    }

    /// Pages of `DescribeImages`, one after another: as the service answers, or cut down to `Result` or `Images` by a filter.
    fn json(&mut self, name: &str, text: &str) -> Result<(), InvalidList> {
        let invalid = |line: usize, why: &dyn fmt::Display| {
            InvalidList::new(name, Some(line), format!("expected the JSON of DescribeImages: {why}"))
        };
        if text.trim_start().starts_with('[') {
            let images: Vec<Image> = serde_json::from_str(text).map_err(|error| invalid(error.line(), &error))?;
            images.into_iter().for_each(|image| self.push(image.image_id));
            return Ok(());
        }
        let mut pages = serde_json::Deserializer::from_str(text).into_iter::<Page>();
        while let Some(page) = pages.next() {
            let page = page.map_err(|error| invalid(error.line(), &error))?;
            let page = page.result.as_deref().unwrap_or(&page);
            let Some(images) = &page.images else {
                let line = text[..pages.byte_offset()].lines().count();
                return Err(invalid(line, &"there is no `Images` in it"));
            };
            images.iter().for_each(|image| self.push(image.image_id.clone()));
            self.list.partial = page.next_token.as_ref().is_some_and(|token| !token.is_empty());
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    result: Option<Box<Page>>,
    images: Option<Vec<Image>>,
    #[serde(alias = "nextToken")]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    image_id: ImageId,
}

/// A list that cannot be read: where, and what was expected.
#[derive(Debug, PartialEq)]
pub(crate) struct InvalidList {
    source: String,
    line: Option<usize>,
    expected: String,
}

impl InvalidList {
    fn new(source: impl Into<String>, line: Option<usize>, expected: impl fmt::Display) -> Self {
        Self { source: source.into(), line, expected: expected.to_string() }
    }
}

impl fmt::Display for InvalidList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.source, self.expected),
            None => write!(f, "{}: {}", self.source, self.expected),
        }
    }
}

impl std::error::Error for InvalidList {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let list = List::read(&["-".to_owned()], None, &mut text.as_bytes()).map_err(|error| error.to_string())?;
        Ok(list.ids.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn blank_lines_comments_and_windows_line_ends_are_no_ids() {
        let text = "\u{feff}# golden images\r\nimage-a\r\n\r\n  image-b # from March\nimage-a";
        assert_eq!(read(text), Ok(vec!["image-a".to_owned(), "image-b".to_owned()]));
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = read("image-a\n\nimage b\n").unwrap_err();
        assert!(error.starts_with("standard input:3: expected an image ID"), "{error}");
        let error = read("{\"Images\":[{\"ImageId\":\"image-a\"},\n{\"ImageId\":\"image b\"}]}").unwrap_err();
        assert!(error.starts_with("standard input:2: expected the JSON of DescribeImages: expected an image ID"), "{error}");
    }

    #[test]
    fn what_the_service_answers_is_read_page_by_page() {
        let page = |id: &str, token: &str| {
            format!(r#"{{"ResponseMetadata":{{}},"Result":{{"Images":[{{"ImageId":"{id}","Size":20}}],"NextToken":"{token}"}}}}"#)
        };
        let pages = format!("{}\n{}", page("image-a", "x"), page("image-b", ""));
        let list = |text: &str| List::read(&[], Some(Path::new("-")), &mut text.as_bytes()).unwrap();
        assert_eq!(list(&pages).ids.len(), 2);
        assert!(!list(&pages).partial);
        assert!(list(&page("image-a", "x")).partial);
        assert_eq!(read(r#"[{"ImageId":"image-a"}]"#), Ok(vec!["image-a".to_owned()]));
        assert_eq!(read(r#"{"Images":[]}"#), Ok(vec![]));
    }

    #[test]
    fn an_answer_that_is_an_error_is_no_empty_list() {
        let error = read(r#"{"ResponseMetadata":{"Error":{"Code":"AccessDenied"}}}"#).unwrap_err();
        assert_eq!(error, "standard input:1: expected the JSON of DescribeImages: there is no `Images` in it");
    }

    #[test]
    fn standard_input_is_read_once() {
        let twice = List::read(&["-".to_owned()], Some(Path::new("-")), &mut "image-a".as_bytes());
        assert_eq!(twice.unwrap_err().to_string(), "standard input: expected `-` once");
    }
}
