//! Encrypted connections: a private CA, HTTP/2, and what is said when a certificate is not accepted.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::fixture::{get, options};
use super::{Cause, Client, HttpError, Transport};

struct Server {
    address: String,
    ca: tempfile::NamedTempFile,
}

/// Speaks whichever protocol was agreed on, and answers with its name.
async fn server(name: &str, protocols: &[&str]) -> Server {
    server_of("Private CA", name, protocols).await
}

async fn server_of(issuer: &str, name: &str, protocols: &[&str]) -> Server {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, issuer);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                    answer_http2(stream).await;
                } else {
                    answer_http1(stream).await;
                }
            });
        }
    });
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(ca.pem().as_bytes()).unwrap();
    Server { address, ca: file }
}

async fn answer_http1(mut stream: TlsStream<tokio::net::TcpStream>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhttp/1.1").await;
    let _ = stream.shutdown().await;
}

async fn answer_http2(stream: TlsStream<tokio::net::TcpStream>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let mut body = respond.send_response(http::Response::new(()), false).unwrap();
        body.send_data(Bytes::from_static(b"h2"), true).unwrap();
    }
}

async fn client(server: &Server) -> Client {
    let (mut options, _) = options(&server.address).await;
    options.ca_bundle = Some(server.ca.path().to_owned());
    Client::new(options).unwrap()
}

#[tokio::test]
async fn http2_is_used_where_the_server_offers_it_and_a_private_ca_is_trusted() {
    for (protocols, wanted) in
        [(vec!["h2", "http/1.1"], "h2"), (vec!["http/1.1"], "http/1.1"), (vec![], "http/1.1")]
    {
        let server = server("localhost", &protocols).await;
        let response = client(&server).await.send(&get("/api/users")).await.unwrap();
        assert_eq!(String::from_utf8(response.body).unwrap(), wanted);
    }
}

#[tokio::test]
async fn an_unknown_issuer_is_named_once_with_the_key_of_the_ca_bundle() {
    // Another CA's bundle, so that the test needs none of the machine's; and that of a namesake.
    for issuer in ["Another CA", "Private CA"] {
        let server = server("localhost", &[]).await;
        let other = server_of(issuer, "localhost", &[]).await;
        let client = client(&Server { address: server.address, ca: other.ca }).await;
        let error = client.send(&get("/api/users")).await.unwrap_err();
        assert!(
            matches!(error, HttpError::NoAnswer { cause: Cause::UnknownIssuer, attempts: 1, .. }),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("`ca-bundle` in [connector.acme.http]"));
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let server = server("other.example", &[]).await;
    let error = client(&server).await.send(&get("/api/users")).await.unwrap_err();
    assert!(
        matches!(error, HttpError::NoAnswer { cause: Cause::Certificate(_), attempts: 1, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_port_that_does_not_speak_tls_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let ca = server("localhost", &[]).await.ca;
    let error = client(&Server { address, ca }).await.send(&get("/api/users")).await.unwrap_err();
    let HttpError::NoAnswer { cause: Cause::Tls(_), .. } = &error else { panic!("{error}") };
    assert!(error.hint().unwrap().contains("https"));
}
