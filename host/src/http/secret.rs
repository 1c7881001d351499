use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use zeroize::Zeroizing;

use super::credential::CredentialError;
use super::error::quoted;

/// More than any token or key; keeps a wrong path such as `/dev/zero` harmless.
const LONGEST: u64 = 64 * 1024;
/// A password manager may ask its owner first, but not for ever.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a secret is. The secret itself never stands in a configuration.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The name of an environment variable.
    Env(String),
    /// A file whose whole content it is, but for a final line end.
    File(PathBuf),
    /// A program and its arguments, run without a shell; what it prints, but for a final line end.
    Command(Vec<String>),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::Env(name) => write!(f, "environment variable {name}"),
            SecretSource::File(path) => write!(f, "file {}", path.display()),
            SecretSource::Command(words) => {
                write!(f, "command `{}`", words.first().map_or("", String::as_str))
            }
        }
    }
}

/// Arguments are left out: somebody will write `["echo", "the secret"]`.
impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretSource({self})")
    }
}

impl SecretSource {
    /// What is unsafe about the place, though it works: a file that every user of the machine can read.
    pub fn warning(&self) -> Option<String> {
        match self {
            SecretSource::File(path) if world_readable(path) => Some(format!(
                "every user of this machine can read the secret in {}: run `chmod 600 {}`",
                path.display(),
                path.display()
            )),
            _ => None,
        }
    }

    /// The secret itself.
    pub async fn read(&self) -> Result<Zeroizing<String>, CredentialError> {
        let text = match self {
            SecretSource::Env(name) => match std::env::var_os(name) {
                Some(value) => utf8(value.into_encoded_bytes(), self)?,
                None => return Err(CredentialError::NotSet { variable: name.clone() }),
            },
            SecretSource::File(path) => without_line_end(utf8(self.read_file(path).await?, self)?),
            SecretSource::Command(words) => without_line_end(utf8(self.run(words).await?, self)?),
        };
        if text.is_empty() {
            return Err(CredentialError::Empty { source_name: self.to_string() });
        }
        Ok(text)
    }

    async fn read_file(&self, path: &Path) -> Result<Vec<u8>, CredentialError> {
        let unreadable = |error: std::io::Error| CredentialError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
        self.bounded(read(file).await.map_err(unreadable)?)
    }

    async fn run(&self, words: &[String]) -> Result<Vec<u8>, CredentialError> {
        let failed = |reason: String, stderr: String| CredentialError::Command {
            program: words.first().cloned().unwrap_or_default(),
            reason,
            stderr,
        };
        let io = |error: std::io::Error| failed(error.to_string(), String::new());
        let Some((program, arguments)) = words.split_first() else {
            return Err(failed("no program is named".into(), String::new()));
        };
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(io)?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(failed("its output can't be read".into(), String::new()));
        };
        let finish = async { tokio::join!(read(stdout), read(stderr), child.wait()) };
        let Ok((stdout, stderr, status)) = tokio::time::timeout(COMMAND_TIMEOUT, finish).await else {
            let reason = format!("it was still running after {} seconds", COMMAND_TIMEOUT.as_secs());
            return Err(failed(reason, String::new()));
        };
        let stdout = Zeroizing::new(stdout.map_err(io)?);
        let status = status.map_err(io)?;
        if !status.success() {
            return Err(failed(
                format!("it ended with {status}"),
                complaint(&stderr.unwrap_or_default(), &stdout),
            ));
        }
        self.bounded(stdout.to_vec())
    }

    fn bounded(&self, bytes: Vec<u8>) -> Result<Vec<u8>, CredentialError> {
        if bytes.len() as u64 > LONGEST {
            return Err(CredentialError::Characters {
                source_name: self.to_string(),
                reason: "it is longer than 64 KiB",
            });
        }
        Ok(bytes)
    }
}

/// At most one byte more than a secret may have. Dropping the pipe then ends a program that prints for ever.
async fn read(from: impl AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LONGEST + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

fn utf8(bytes: Vec<u8>, source: &SecretSource) -> Result<Zeroizing<String>, CredentialError> {
    String::from_utf8(bytes).map(Zeroizing::new).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        CredentialError::Characters { source_name: source.to_string(), reason: "it is not text" }
    })
}

fn without_line_end(text: Zeroizing<String>) -> Zeroizing<String> {
    match text.strip_suffix('\n') {
        Some(line) => Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()),
        None => text,
    }
}

/// What a failed program said on stderr, without what it printed on stdout, should it repeat that.
fn complaint(stderr: &[u8], stdout: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(stderr).trim().to_owned();
    for word in String::from_utf8_lossy(stdout).split_whitespace().filter(|word| word.len() > 3) {
        text = text.replace(word, "[redacted]");
    }
    quoted(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(unix)]
fn world_readable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn world_readable(_path: &Path) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn shell(script: &str) -> SecretSource {
        SecretSource::Command(vec!["sh".into(), "-c".into(), script.into()])
    }

    #[tokio::test]
    async fn a_file_and_a_command_lose_one_final_line_end() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"s3cret\r\n").unwrap();
        let source = SecretSource::File(file.path().to_owned());
        assert_eq!(source.read().await.unwrap().as_str(), "s3cret");
        assert_eq!(shell("echo s3cret").read().await.unwrap().as_str(), "s3cret");
        assert_eq!(shell("printf 's3cret\\n\\n'").read().await.unwrap().as_str(), "s3cret\n");
    }

    #[tokio::test]
    async fn a_missing_or_empty_secret_names_its_source() {
        let error = SecretSource::Env("ROLLCALL_TEST_NOT_SET".into()).read().await.unwrap_err();
        assert!(error.to_string().contains("ROLLCALL_TEST_NOT_SET"), "{error}");
        let error = SecretSource::File("/nowhere/secret".into()).read().await.unwrap_err();
        assert!(error.to_string().contains("/nowhere/secret"), "{error}");
        assert!(matches!(shell("true").read().await, Err(CredentialError::Empty { .. })));
        assert!(matches!(shell("echo").read().await, Err(CredentialError::Empty { .. })));
        assert!(SecretSource::Command(vec![]).read().await.is_err());
        assert!(SecretSource::Command(vec!["/nowhere/program".into()]).read().await.is_err());
    }

    #[tokio::test]
    async fn a_failed_command_quotes_stderr_and_never_stdout() {
        let error =
            shell("echo s3cret; echo 'vault is sealed: s3cret' >&2; exit 3").read().await.unwrap_err();
        let text = format!("{error} {error:?} {:?}", error.hint());
        assert!(text.contains("vault is sealed"), "{text}");
        assert!(text.contains("exit status: 3"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[tokio::test]
    async fn endless_output_is_stopped() {
        let error = shell("yes").read().await.unwrap_err();
        assert!(!matches!(error, CredentialError::Empty { .. }));
        let error = SecretSource::File("/dev/zero".into()).read().await.unwrap_err();
        assert!(error.to_string().contains("64 KiB"), "{error}");
    }

    #[test]
    fn a_secret_file_that_everybody_can_read_is_warned_of() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = SecretSource::File(file.path().to_owned());
        assert_eq!(source.warning(), None);
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(source.warning().is_some_and(|warning| warning.contains("chmod 600")));
    }

    #[test]
    fn debug_leaves_arguments_out() {
        assert!(!format!("{:?}", shell("echo s3cret")).contains("s3cret"));
    }
}
