//! The static files: those of a deployment's folder before the ones that are embedded in the
//! program, file by file. Ranges, `HEAD`, revalidation and the choice of compressed files are
//! tower-http's.

use std::borrow::Cow;
use std::io::{self, Cursor, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn, map_request, map_response};
use axum::response::Response;
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tower::Layer;
use tower_http::services::ServeDir;
use tower_http::services::fs::{Backend, File, Metadata, TokioBackend, TokioFile};

use super::methods;

/// What our pages load, and beside each text file the same compressed, as `build.rs` has made them.
#[derive(RustEmbed)]
#[folder = "$OUT_DIR/site/"]
struct Site;

/// What browsers need to load the modules of our source one by one from a folder: packages of npm as
/// modules, and the indexes of folders. Empty in a release build.
#[derive(RustEmbed)]
#[folder = "$OUT_DIR/modules/"]
struct Modules;

/// What browsers may do with a file whose address changes with what is in it.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Changes whenever an embedded file does.
static FINGERPRINT: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for name in Site::iter() {
        let file = embedded(Path::new(&*name));
        digest.update(name.as_bytes());
        digest.update(file.map(|file| file.metadata.sha256_hash()).unwrap_or_default());
    }
    let mut start = [0; 8];
    start.copy_from_slice(&digest.finalize()[..8]);
    format!("{:016x}", u64::from_be_bytes(start))
});

/// Where the static file `name` is found, as in `/static/~1f0c…/css/visavis.css`. Files name each other
/// relative to themselves, so that what they load carries the fingerprint as well.
pub fn address(name: &str) -> String {
    format!("/static/~{}/{name}", *FINGERPRINT)
}

/// Answers for the paths below `/static/`.
pub fn service(folder: Option<PathBuf>) -> Router {
    let embedded_only = folder.is_none();
    let files =
        ServeDir::with_backend("", Overlay { folder }).append_index_html_on_directories(false);
    // A compressed file of ours must not stand for a file of the deployment's.
    let files = if embedded_only { files.precompressed_gzip() } else { files };
    let named = Router::new().fallback_service(files).layer(map_response(name_charset));
    // What lies in a folder may change while its address stays the same.
    let named = if embedded_only { named.layer(from_fn(keep_for_ever)) } else { named };
    // Around a router, because a route is chosen before its own layers run.
    Router::new().fallback_service(map_request(prepare).layer(named))
}

/// Marks a request whose address carries the fingerprint of what is served.
#[derive(Clone)]
struct Current;

async fn prepare(request: Request) -> Result<Request, Response> {
    match methods::options(request.method(), "GET,HEAD") {
        Some(answer) => Err(answer),
        None => Ok(without_fingerprint(request)),
    }
}

/// Takes the fingerprint off the address. A page of an earlier program names another one: it gets
/// the file as it is now.
fn without_fingerprint(mut request: Request) -> Request {
    let path = request.uri().path();
    let marked = path.strip_prefix("/~").and_then(|path| path.split_once('/'));
    let Some((fingerprint, name)) = marked else { return request };
    let current = fingerprint == *FINGERPRINT;
    let Ok(uri) = format!("/{name}").parse::<Uri>() else { return request };
    *request.uri_mut() = uri;
    if current {
        request.extensions_mut().insert(Current);
    }
    request
}

async fn keep_for_ever(request: Request, next: Next) -> Response {
    let current = request.extensions().get::<Current>().is_some();
    let mut response = next.run(request).await;
    let found = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    if current && found {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(FOR_EVER));
    }
    response
}

/// Text is UTF-8, as Flask says of it.
async fn name_charset(mut response: Response) -> Response {
    let named = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if let Some(kind) = named.filter(|kind| kind.starts_with("text/") && !kind.contains(';')) {
        let kind = format!("{kind}; charset=utf-8");
        if let Ok(kind) = HeaderValue::from_str(&kind) {
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
    }
    response
}

/// The two places where a file may lie.
#[derive(Debug, Clone)]
struct Overlay {
    folder: Option<PathBuf>,
}

impl Overlay {
    /// The file on disk of that name, unless it lies (or a link leads) outside the folder.
    async fn on_disk(&self, name: &Path) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        // The source of such a module imports a package by its name, which browsers do not know.
        if Modules::get(name.to_str()?).is_some() {
            return None;
        }
        let folder = tokio::fs::canonicalize(folder).await.ok()?;
        let file = tokio::fs::canonicalize(folder.join(name)).await.ok()?;
        let metadata = tokio::fs::metadata(&file).await.ok()?;
        // A pipe or a device would keep whoever opens it waiting.
        (file.starts_with(&folder) && metadata.is_file()).then_some(file)
    }
}

/// The name that a request means, unless no file of ours can have it.
fn name_of(path: &Path) -> io::Result<&Path> {
    let name = path.strip_prefix(".").unwrap_or(path);
    let plain = name.components().all(|component| match component {
        Component::Normal(part) => part.to_str().is_some_and(|part| {
            !part.starts_with('.') && !part.contains(|odd: char| odd == '\\' || odd.is_control())
        }),
        _ => false,
    });
    if plain { Ok(name) } else { Err(ErrorKind::NotFound.into()) }
}

fn embedded(name: &Path) -> io::Result<EmbeddedFile> {
    let name = name.to_str().ok_or(ErrorKind::NotFound)?;
    let file = Site::get(name).or_else(|| Modules::get(name));
    file.ok_or_else(|| ErrorKind::NotFound.into())
}

type Later<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

impl Backend for Overlay {
    type File = StaticFile;
    type Metadata = FileMetadata;
    type OpenFuture = Later<'static, StaticFile>;
    type MetadataFuture = Later<'static, FileMetadata>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        let overlay = self.clone();
        Box::pin(async move {
            let name = name_of(&path)?;
            if let Some(file) = overlay.on_disk(name).await {
                return TokioBackend.open(file).await.map(StaticFile::OnDisk);
            }
            let file = embedded(name)?;
            let metadata = FileMetadata::of(&file);
            Ok(StaticFile::Embedded(Cursor::new(file.data), metadata))
        })
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        let overlay = self.clone();
        Box::pin(async move {
            let name = name_of(&path)?;
            if let Some(file) = overlay.on_disk(name).await {
                return TokioBackend.metadata(file).await.map(|found| FileMetadata::from(&found));
            }
            Ok(FileMetadata::of(&embedded(name)?))
        })
    }
}

enum StaticFile {
    OnDisk(TokioFile),
    Embedded(Cursor<Cow<'static, [u8]>>, FileMetadata),
}

impl File for StaticFile {
    type Metadata = FileMetadata;
    type MetadataFuture<'a> = Later<'a, FileMetadata>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        Box::pin(async move {
            match self {
                Self::OnDisk(file) => file.metadata().await.map(|found| FileMetadata::from(&found)),
                Self::Embedded(_, metadata) => Ok(*metadata),
            }
        })
    }
}

impl AsyncRead for StaticFile {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::OnDisk(file) => Pin::new(file).poll_read(context, buffer),
            Self::Embedded(bytes, _) => Pin::new(bytes).poll_read(context, buffer),
        }
    }
}

impl AsyncSeek for StaticFile {
    fn start_seek(self: Pin<&mut Self>, position: io::SeekFrom) -> io::Result<()> {
        match self.get_mut() {
            Self::OnDisk(file) => Pin::new(file).start_seek(position),
            Self::Embedded(bytes, _) => Pin::new(bytes).start_seek(position),
        }
    }

    fn poll_complete(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        match self.get_mut() {
            Self::OnDisk(file) => Pin::new(file).poll_complete(context),
            Self::Embedded(bytes, _) => Pin::new(bytes).poll_complete(context),
        }
    }
}

/// Of these the `ETag` is made.
#[derive(Clone, Copy)]
struct FileMetadata {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl FileMetadata {
    fn of(file: &EmbeddedFile) -> Self {
        let modified = file.metadata.last_modified();
        let modified =
            modified.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        Self { bytes: file.data.len() as u64, modified }
    }
}

impl From<&std::fs::Metadata> for FileMetadata {
    fn from(metadata: &std::fs::Metadata) -> Self {
        Self { bytes: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl Metadata for FileMetadata {
    fn is_dir(&self) -> bool {
        false
    }

    fn modified(&self) -> io::Result<SystemTime> {
        self.modified.ok_or_else(|| ErrorKind::Unsupported.into())
    }

    fn len(&self) -> u64 {
        self.bytes
    }
}
