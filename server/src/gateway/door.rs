//! What every request to `/socket.io/` passes before the library sees it: the origin, whether we take new sessions, and
//! the note of which TCP connection carries which session.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use futures_util::TryFutureExt;
use futures_util::future::{Either, MapOk};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, ORIGIN,
    RETRY_AFTER, SEC_WEBSOCKET_KEY, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{Either as EitherBody, Full};
use hyper::body::Body;
use socketioxide::layer::SocketIoLayer;
use socketioxide::service::SocketIoService;
use socketioxide::socket::Sid;
use tower::{Layer, Service};

use crate::listen::ConnHandle;

use super::Gateway;
use super::origin::{self, Verdict};

/// The path, as the library matches it.
const PATH: &str = "/socket.io";

/// What the library reads of a handshake's headers.
const HANDSHAKE: [HeaderName; 2] = [CONTENT_TYPE, SEC_WEBSOCKET_KEY];

/// Stands in the extensions of a handshake from a foreign origin that was let in for the relay alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Foreign;

/// Puts Socket.IO in front of another service.
#[derive(Clone)]
pub struct GatewayLayer {
    pub(super) io: SocketIoLayer,
    pub(super) gateway: Arc<Gateway>,
}

impl<S: Clone> Layer<S> for GatewayLayer {
    type Service = Door<SocketIoService<S>>;
    fn layer(&self, inner: S) -> Self::Service {
        Door { inner: self.io.layer(inner), gateway: Arc::clone(&self.gateway) }
    }
}

/// See the module.
#[derive(Clone)]
pub struct Door<S> {
    inner: S,
    gateway: Arc<Gateway>,
}

/// A response of the service behind the door, or the door's own.
pub type Passed<R> = Response<EitherBody<R, Full<Bytes>>>;
type Boxed<R> = Pin<Box<dyn Future<Output = Result<Passed<R>, Infallible>> + Send>>;

impl<S, B, R> Service<Request<B>> for Door<S>
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible>,
    S::Future: Send + 'static,
    R: Body<Data = Bytes> + Send + 'static,
{
    type Response = Passed<R>;
    type Error = Infallible;
    type Future = Either<MapOk<S::Future, fn(Response<R>) -> Passed<R>>, Boxed<R>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let ours = request.uri().path().strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if !ours {
            return Either::Left(self.inner.call(request).map_ok(pass::<R>));
        }
        match judge(&self.gateway, &mut request) {
            Ok(allowed) => {
                let answer = self.inner.call(request);
                Either::Right(Box::pin(async move {
                    let mut response = pass(answer.await?);
                    if let Some(origin) = allowed {
                        allow(response.headers_mut(), origin);
                    }
                    Ok(response)
                }))
            }
            Err(answer) => Either::Right(Box::pin(std::future::ready(Ok(answer.map(EitherBody::Right))))),
        }
    }
}

fn pass<R>(response: Response<R>) -> Passed<R> {
    response.map(EitherBody::Left)
}

/// Lets a request in, with the foreign origin whose pages may read the answer; or the answer it gets instead.
fn judge<B>(gateway: &Gateway, request: &mut Request<B>) -> Result<Option<HeaderValue>, Box<Response<Full<Bytes>>>> {
    let options = &gateway.options;
    let verdict = origin::judge(request.headers(), request.uri(), options.tls, &options.allow_origin);
    let allowed = match verdict {
        Verdict::Own => None,
        Verdict::Allowed(origin) => Some(origin),
        Verdict::Foreign if options.relay => {
            request.extensions_mut().insert(Foreign);
            Some(HeaderValue::from_static("*"))
        }
        Verdict::Foreign => {
            let text = "this origin is not allowed here; the server's --allow-origin names those that are";
            return Err(Box::new(answer(StatusCode::FORBIDDEN, "forbidden", text)));
        }
    };
    if let Some(origin) = &allowed
        && request.method() == Method::OPTIONS
    {
        let mut preflight = Response::new(Full::default());
        *preflight.status_mut() = StatusCode::NO_CONTENT;
        allow(preflight.headers_mut(), origin.clone());
        return Err(Box::new(preflight));
    }
    let query = request.uri().query().unwrap_or_default();
    let field = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    match field("sid") {
        None if gateway.is_draining() || !gateway.store_up.load(Ordering::Relaxed) => {
            let mut away = answer(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "not now; try again in some seconds");
            away.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
            return Err(Box::new(away));
        }
        None => compact(request, options.relay),
        Some(sid) => {
            if let Ok(sid) = sid.parse::<Sid>() {
                let poll = request.method() == Method::GET && field("transport") == Some("polling");
                let handle = request.extensions().get::<ConnHandle>();
                if !gateway.transports.seen(sid, handle, poll, Instant::now()) {
                    let mut unknown = Response::new(Full::from("{\"code\":\"1\",\"message\":\"Session ID unknown\"}"));
                    *unknown.status_mut() = StatusCode::BAD_REQUEST;
                    unknown.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                    return Err(Box::new(unknown));
                }
            }
        }
    }
    Ok(allowed)
}

/// The library keeps a handshake's head as long as the session, and its parts are slices of the buffer that it was read
/// into, 8 KB. So it gets one of its own, and of the headers those that somebody reads: `all` where the relay does.
fn compact<B>(request: &mut Request<B>, all: bool) {
    let old = std::mem::take(request.headers_mut());
    let kept = |name: &HeaderName| all || HANDSHAKE.contains(name);
    let mut text: Vec<u8> = request.uri().to_string().into_bytes();
    let uri = text.len();
    old.iter().filter(|(name, _)| kept(name)).for_each(|(_, value)| text.extend_from_slice(value.as_bytes()));
    let text = Bytes::from(text);
    let mut at = uri;
    let mut headers = HeaderMap::with_capacity(HANDSHAKE.len());
    for (name, value) in old.iter().filter(|(name, _)| kept(name)) {
        let own = text.slice(at..at + value.len());
        at += value.len();
        // It was a value before.
        if let Ok(own) = HeaderValue::from_maybe_shared(own) {
            headers.append(name, own);
        }
    }
    *request.headers_mut() = headers;
    if let Ok(own) = Uri::from_maybe_shared(text.slice(..uri)) {
        *request.uri_mut() = own;
    }
}

fn answer(status: StatusCode, code: &str, message: &str) -> Response<Full<Bytes>> {
    let body = format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"{message}\"}}}}");
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// What a browser needs to let a foreign page read the answer. Never with credentials: tokens travel in CONNECT.
fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.append(VARY, HeaderValue::from_name(ORIGIN));
}
