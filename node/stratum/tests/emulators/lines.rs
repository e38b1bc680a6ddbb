//! Lines as miners write and read them.

use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, WriteHalf,
};

use super::{Gone, PATIENCE};

/// What a miner talks over: a socket, or TLS.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// A connection of lines.
pub(super) struct Lines {
    reader: BufReader<ReadHalf<Box<dyn Wire>>>,
    writer: WriteHalf<Box<dyn Wire>>,
}

impl Lines {
    pub(super) fn over(wire: Box<dyn Wire>) -> Self {
        let (reader, writer) = tokio::io::split(wire);
        Self {
            reader: BufReader::new(reader),
            writer,
        }
    }

    pub(super) async fn send(&mut self, line: &str) -> Result<(), Gone> {
        let line = format!("{line}\n");
        self.writer
            .write_all(line.as_bytes())
            .await
            .map_err(|_| Gone)?;
        self.writer.flush().await.map_err(|_| Gone)
    }

    /// The next line as it was written, without its end.
    pub(super) async fn next(&mut self) -> Result<String, Gone> {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.reader.read_line(&mut line)).await;
        match read.expect("no line came in time") {
            Ok(0) | Err(_) => Err(Gone),
            // A pool that is killed may leave half a line.
            Ok(_) if !line.ends_with('\n') => Err(Gone),
            Ok(_) => {
                assert!(!line.ends_with("\r\n"), "{line:?}");
                line.pop();
                Ok(line)
            }
        }
    }
}
