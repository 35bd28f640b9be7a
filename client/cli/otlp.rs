//! The spans of evals, sent to an OpenTelemetry collector: OTLP over plain HTTP, as JSON. Only with the cargo feature `otlp`, and
//! only where `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` names a collector.
//!
//! A span goes under the trace that its eval came with. TLS is the collector's business: one on this machine passes on what it
//! gets.

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span as _, SpanBuilder, SpanKind, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use std::collections::HashMap;
use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context as Layered;
use tracing_subscriber::registry::LookupSpan;

/// How long a collector may take for each step of an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most of an answer that is read.
const ANSWER: u64 = 64 * 1024;
const NAMES: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// The layer; none where no collector is named.
pub(crate) fn layer() -> Option<Evals> {
    if !NAMES.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
        return None;
    }
    // What it says of the endpoint comes from the environment.
    let provider = provider(None)?;
    let tracer = provider.tracer("rialto");
    let _ = PROVIDER.set(provider);
    Some(Evals { tracer })
}

/// Sends what is left.
pub(crate) fn end() {
    if let Some(provider) = PROVIDER.get() {
        let _ = provider.shutdown();
    }
}

fn provider(endpoint: Option<&str>) -> Option<SdkTracerProvider> {
    let mut builder = SpanExporter::builder().with_http().with_http_client(Plain).with_protocol(Protocol::HttpJson);
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let resource = Resource::builder().with_service_name("rialto").build();
    Some(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(builder.build().ok()?).build())
}

/// Makes a span of each eval.
pub(crate) struct Evals {
    tracer: SdkTracer,
}

/// What is known of a span that is open.
struct Open {
    began: SystemTime,
    fields: Fields,
}

#[derive(Default)]
struct Fields(Vec<(&'static str, String)>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Evals {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Layered<'_, S>) {
        if attributes.metadata().name() != "eval" {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Open { began: SystemTime::now(), fields });
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Layered<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            values.record(&mut open.fields);
        }
    }

    fn on_close(&self, id: Id, context: Layered<'_, S>) {
        let Some(open) = context.span(&id).and_then(|span| span.extensions_mut().remove::<Open>()) else { return };
        let fields = open.fields.0;
        let carrier: HashMap<String, String> = fields
            .iter()
            .filter(|(name, _)| *name == "traceparent")
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
        let attributes =
            fields.into_iter().filter(|(name, _)| *name != "traceparent").map(|(name, value)| KeyValue::new(name, value));
        let builder =
            SpanBuilder::from_name("eval").with_kind(SpanKind::Server).with_start_time(open.began).with_attributes(attributes);
        self.tracer.build_with_context(builder, &parent).end();
    }
}

/// HTTP as far as a collector near by needs it. It blocks, in the exporter's own thread.
#[derive(Debug)]
struct Plain;

#[async_trait::async_trait]
impl HttpClient for Plain {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let uri = request.uri();
        if uri.scheme_str() != Some("http") {
            return Err(
                "this build sends over plain http:// only: name a collector on this machine, which may use TLS from there".into(),
            );
        }
        let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80));
        let address = (host.trim_matches(['[', ']']), port).to_socket_addrs()?.next().ok_or("the collector has no address")?;
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut head = format!("POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n");
        head.push_str(&format!("Content-Length: {}\r\n", request.body().len()));
        for (name, value) in request.headers() {
            head.push_str(&format!("{name}: {}\r\n", value.to_str()?));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(request.body())?;
        let mut answer = Vec::new();
        stream.take(ANSWER).read_to_end(&mut answer)?;
        let line = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned();
        let status: u16 = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("the collector did not speak HTTP")?;
        Ok(Response::builder().status(status).body(Bytes::new())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use tracing_subscriber::layer::SubscriberExt;

    /// A collector's stand-in: one request, its body.
    #[allow(clippy::disallowed_methods, reason = "a collector is nobody of ours")]
    fn collector() -> (String, std::thread::JoinHandle<(String, String)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let heard = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            (head, String::from_utf8(body).unwrap())
        });
        (endpoint, heard)
    }

    #[test]
    fn an_eval_is_a_span_under_the_trace_that_it_came_with() {
        let (endpoint, heard) = collector();
        let provider = provider(Some(&endpoint)).unwrap();
        let layer = Evals { tracer: provider.tracer("rialto") };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            let span =
                tracing::info_span!("eval", session = "abc", n = 7_u64, traceparent = trace, outcome = tracing::field::Empty);
            span.record("outcome", "Ok");
            drop(span);
            drop(tracing::info_span!("something else"));
        });
        provider.shutdown().unwrap();
        let (head, body) = heard.join().unwrap();
        assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone();
        assert_eq!(spans.len(), 1, "{body}");
        assert_eq!(spans[0]["traceId"], "0af7651916cd43dd8448eb211c80319c", "{body}");
        assert_eq!(spans[0]["parentSpanId"], "b7ad6b7169203331", "{body}");
        let text = spans[0]["attributes"].to_string();
        for wanted in ["session", "abc", "outcome", "Ok"] {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
    }
}
