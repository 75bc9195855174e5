//! The file in which rows are kept: a line that says what it is, then records of a letter and what belongs to it.
//!
//! Numbers are 8 bytes, little end first; texts and bytes have their length in 4 bytes before them. Every length is bounded, and the last
//! record says that nothing is missing, so a file that was cut off is never taken for a whole one.

use std::io::{self, ErrorKind, Read, Write};

use super::CopyError;
use crate::db::query::Value;

const MAGIC: &[u8] = b"commonhold rows\n";
const FORMAT: u32 = 1;
/// Bytes of one text or one value of bytes.
const VALUE_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// Bytes of a name of a table or column.
const NAME_BYTES_MAX: u32 = 64;
/// Columns of a table.
const COLUMNS_MAX: u32 = 1000;
/// Versions of a schema.
const VERSIONS_MAX: u32 = 100_000;

/// One record of the file.
#[derive(Debug)]
pub(super) enum Record {
    /// The rows that follow are of this table.
    Table { name: String, columns: Vec<String> },
    /// A row of it.
    Row(Vec<Value>),
    /// The last id that a table has given.
    LastId { table: String, id: i64 },
    /// All was told.
    End,
}

/// A row as bytes.
pub(super) fn row(values: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 * values.len());
    for value in values {
        match value {
            Value::Null => bytes.push(b'0'),
            Value::Int(number) => {
                bytes.push(b'i');
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            Value::Text(text) => counted(&mut bytes, b't', text.as_bytes()),
            Value::Blob(blob) => counted(&mut bytes, b'b', blob),
        }
    }
    bytes
}

fn counted(bytes: &mut Vec<u8>, kind: u8, value: &[u8]) {
    bytes.push(kind);
    bytes.extend_from_slice(&length(value.len()).to_le_bytes());
    bytes.extend_from_slice(value);
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a value of a row is no larger than a request")
}

/// Writes the file.
pub(super) struct Writer<W> {
    file: W,
    columns: usize,
}

impl<W: Write> Writer<W> {
    pub fn begin(mut file: W, schema: &[i64]) -> io::Result<Self> {
        file.write_all(MAGIC)?;
        file.write_all(&FORMAT.to_le_bytes())?;
        file.write_all(&length(schema.len()).to_le_bytes())?;
        for version in schema {
            file.write_all(&version.to_le_bytes())?;
        }
        Ok(Self { file, columns: 0 })
    }

    fn name(&mut self, name: &str) -> io::Result<()> {
        self.file.write_all(&length(name.len()).to_le_bytes())?;
        self.file.write_all(name.as_bytes())
    }

    pub fn table(&mut self, name: &str, columns: &[String]) -> io::Result<()> {
        self.columns = columns.len();
        self.file.write_all(b"T")?;
        self.name(name)?;
        self.file.write_all(&length(columns.len()).to_le_bytes())?;
        columns.iter().try_for_each(|column| self.name(column))
    }

    pub fn row(&mut self, values: &[Value]) -> io::Result<()> {
        assert_eq!(values.len(), self.columns, "a row has the columns of its table");
        self.file.write_all(b"R")?;
        self.file.write_all(&row(values))
    }

    pub fn last_id(&mut self, table: &str, id: i64) -> io::Result<()> {
        self.file.write_all(b"L")?;
        self.name(table)?;
        self.file.write_all(&id.to_le_bytes())
    }

    pub fn end(mut self) -> io::Result<()> {
        self.file.write_all(b"E")?;
        self.file.flush()
    }
}

/// Reads the file.
pub(super) struct Reader<R> {
    file: R,
    /// The versions of the schema.
    pub schema: Vec<i64>,
    columns: usize,
}

impl<R: Read> Reader<R> {
    pub fn begin(mut file: R) -> Result<Self, CopyError> {
        let mut magic = [0; MAGIC.len()];
        fill(&mut file, &mut magic)?;
        if magic != MAGIC {
            return Err(CopyError::Damaged("it doesn't begin as one"));
        }
        let format = u32::from_le_bytes(array(&mut file)?);
        if format != FORMAT {
            return Err(CopyError::Format(format));
        }
        let versions = bounded(&mut file, VERSIONS_MAX)?;
        let schema = (0..versions).map(|_| Ok(i64::from_le_bytes(array(&mut file)?)));
        let schema = schema.collect::<Result<_, CopyError>>()?;
        Ok(Self { file, schema, columns: 0 })
    }

    pub fn next(&mut self) -> Result<Record, CopyError> {
        let [kind] = array(&mut self.file)?;
        match kind {
            b'T' => {
                let name = self.name()?;
                let count = bounded(&mut self.file, COLUMNS_MAX)?;
                let columns: Vec<String> = (0..count).map(|_| self.name()).collect::<Result<_, _>>()?;
                self.columns = columns.len();
                Ok(Record::Table { name, columns })
            }
            b'R' => Ok(Record::Row((0..self.columns).map(|_| self.value()).collect::<Result<_, _>>()?)),
            b'L' => Ok(Record::LastId { table: self.name()?, id: i64::from_le_bytes(array(&mut self.file)?) }),
            b'E' => Ok(Record::End),
            _ => Err(CopyError::Damaged("a record of no kind")),
        }
    }

    fn name(&mut self) -> Result<String, CopyError> {
        let bytes = self.bytes(NAME_BYTES_MAX)?;
        String::from_utf8(bytes).map_err(|_| CopyError::Damaged("a name is no text"))
    }

    fn value(&mut self) -> Result<Value, CopyError> {
        let [kind] = array(&mut self.file)?;
        match kind {
            b'0' => Ok(Value::Null),
            b'i' => Ok(Value::Int(i64::from_le_bytes(array(&mut self.file)?))),
            b't' => match String::from_utf8(self.bytes(VALUE_BYTES_MAX)?) {
                Ok(text) => Ok(Value::Text(text)),
                Err(_) => Err(CopyError::Damaged("a text is none")),
            },
            b'b' => Ok(Value::Blob(self.bytes(VALUE_BYTES_MAX)?)),
            _ => Err(CopyError::Damaged("a value of no kind")),
        }
    }

    /// So many bytes as the file says, taken in as they come: a length that lies costs nothing.
    fn bytes(&mut self, max: u32) -> Result<Vec<u8>, CopyError> {
        let length = bounded(&mut self.file, max)?;
        let mut bytes = Vec::new();
        let read = (&mut self.file).take(length.into()).read_to_end(&mut bytes)?;
        if read as u64 == u64::from(length) { Ok(bytes) } else { Err(CUT) }
    }
}

const CUT: CopyError = CopyError::Damaged("it ends before its end");

fn bounded(file: &mut impl Read, max: u32) -> Result<u32, CopyError> {
    let length = u32::from_le_bytes(array(file)?);
    if length <= max { Ok(length) } else { Err(CopyError::Damaged("a length is out of range")) }
}

fn array<const N: usize>(file: &mut impl Read) -> Result<[u8; N], CopyError> {
    let mut bytes = [0; N];
    fill(file, &mut bytes)?;
    Ok(bytes)
}

fn fill(file: &mut impl Read, bytes: &mut [u8]) -> Result<(), CopyError> {
    file.read_exact(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => CUT,
        _ => error.into(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(rows: &[Vec<Value>]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = Writer::begin(&mut file, &[1, 2]).unwrap();
        writer.table("node", &["id".to_owned(), "name".to_owned()]).unwrap();
        rows.iter().for_each(|row| writer.row(row).unwrap());
        writer.last_id("node", 7).unwrap();
        writer.end().unwrap();
        file
    }

    fn read_whole(file: &[u8]) -> Result<usize, CopyError> {
        let mut reader = Reader::begin(file)?;
        let mut rows = 0;
        loop {
            match reader.next()? {
                Record::Row(_) => rows += 1,
                Record::End => return Ok(rows),
                Record::Table { .. } | Record::LastId { .. } => {}
            }
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::Int),
            any::<String>().prop_map(Value::Text),
            any::<Vec<u8>>().prop_map(Value::Blob),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_shorter_is_taken_for_it(
            rows in prop::collection::vec(prop::collection::vec(values(), 2), 0..5),
            cut in any::<prop::sample::Index>(),
        ) {
            let file = written(&rows);
            let mut reader = Reader::begin(file.as_slice()).unwrap();
            let mut read = Vec::new();
            loop {
                match reader.next().unwrap() {
                    Record::Row(values) => read.push(row(&values)),
                    Record::End => break,
                    Record::Table { .. } | Record::LastId { .. } => {}
                }
            }
            prop_assert_eq!(read, rows.iter().map(|values| row(values)).collect::<Vec<_>>());
            prop_assert!(read_whole(&file[..cut.index(file.len())]).is_err());
        }

        #[test]
        fn no_file_makes_the_reader_break_down(junk in any::<Vec<u8>>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let _ = read_whole(&junk);
            let mut file = written(&[vec![Value::Int(1), Value::Text("plan".to_owned())]]);
            let at = at.index(file.len());
            file[at] = byte;
            let _ = read_whole(&file);
        }
    }
}
