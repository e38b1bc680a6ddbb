//! Lines of a pool, of bounded length; what is no text does not end the connection.

use std::io;

use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;

/// Longest line of a pool, in bytes.
pub(crate) const LINE_BYTES_MAX: usize = 16 * 1024;

/// One line, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Bytes that are no UTF-8 are replaced.
    Text(String),
    /// Longer than [`LINE_BYTES_MAX`]; it was dropped.
    TooLong,
}

/// Splits a stream into lines.
#[derive(Debug, Default)]
pub(crate) struct LineCodec {
    /// In the middle of a line that is too long.
    is_dropping: bool,
}

impl Decoder for LineCodec {
    type Item = Line;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Line>> {
        let Some(end) = buffer.iter().position(|byte| *byte == b'\n') else {
            if buffer.len() > LINE_BYTES_MAX {
                self.is_dropping = true;
            }
            if self.is_dropping {
                buffer.clear();
            }
            return Ok(None);
        };
        let line = buffer.split_to(end + 1);
        if std::mem::take(&mut self.is_dropping) || end > LINE_BYTES_MAX {
            return Ok(Some(Line::TooLong));
        }
        let line = &line[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok(Some(Line::Text(String::from_utf8_lossy(line).into_owned())))
    }

    /// What is left of a line when the pool closes is no line.
    fn decode_eof(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Line>> {
        let line = self.decode(buffer)?;
        if line.is_none() {
            buffer.clear();
        }
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(parts: &[&[u8]]) -> Vec<Line> {
        let mut codec = LineCodec::default();
        let mut buffer = BytesMut::new();
        let mut lines = Vec::new();
        for part in parts {
            buffer.extend_from_slice(part);
            while let Some(line) = codec.decode(&mut buffer).unwrap() {
                lines.push(line);
            }
        }
        assert_eq!(codec.decode_eof(&mut buffer).unwrap(), None);
        lines
    }

    fn text(line: &str) -> Line {
        Line::Text(line.to_owned())
    }

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        assert_eq!(
            decode(&[b"a", b"b\r\n\nc\nrest"]),
            [text("ab"), text(""), text("c")]
        );
    }

    #[test]
    fn long_lines_are_dropped_and_the_next_is_read() {
        let long = vec![b'x'; LINE_BYTES_MAX + 1];
        assert_eq!(
            decode(&[&long, &long, b"x\nnext\n"]),
            [Line::TooLong, text("next")]
        );
        assert_eq!(
            decode(&[&[&long[..], b"\nnext\n"].concat()]),
            [Line::TooLong, text("next")]
        );
        let longest = vec![b'x'; LINE_BYTES_MAX];
        assert!(matches!(&decode(&[&longest, b"\n"])[..], [Line::Text(_)]));
    }

    #[test]
    fn bytes_that_are_no_text_do_not_matter() {
        assert_eq!(decode(&[b"\xff\xfe\nok\n"])[1], text("ok"));
    }
}
