//! XML as it is let in: small, flat, without a DTD, and named by its errors without being quoted in them.

use roxmltree::{Document, Node, ParsingOptions};

/// The longest document, in bytes. .NET writes four thousand for a key under a certificate. The parser takes quadratic time
/// for attributes, so this is not generous.
pub(crate) const MAX_LENGTH: usize = 32 * 1024;
/// The most nodes of a document; that bounds its depth too.
const MAX_NODES: u32 = 500;

/// The namespace of Data Protection's own elements and attributes.
pub(crate) const NAMESPACE: &str = "http://schemas.asp.net/2015/03/dataProtection";

/// Parses `text`, with or without a byte order mark. The error is a phrase that follows "is".
pub(crate) fn parse(text: &str) -> Result<Document<'_>, String> {
    if text.len() > MAX_LENGTH {
        return Err(format!("longer than {MAX_LENGTH} bytes"));
    }
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(without_mark(text), options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => "a document with a DTD, which is not read".to_owned(),
        roxmltree::Error::NodesLimitReached => format!("a document of more than {MAX_NODES} nodes"),
        // The parser's own words may quote the document.
        other => format!("not well-formed XML at {}", other.pos()),
    })
}

/// `text` without the byte order mark that .NET writes.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The child elements called `name`, in any namespace.
pub(crate) fn children<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'a str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.is_element() && child.tag_name().name() == name)
}

/// The one child element called `name`; none and several are the same mistake.
pub(crate) fn child<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'a str) -> Option<Node<'a, 'i>> {
    let mut found = children(node, name);
    found.next().filter(|_| found.next().is_none())
}

/// All text below `node`, in document order, without white space: what .NET decodes as Base64.
pub(crate) fn base64_text(node: Node<'_, '_>) -> zeroize::Zeroizing<String> {
    let parts = || node.descendants().filter(Node::is_text).filter_map(|node| node.text());
    // The whole room at once: growing would leave copies of a secret behind.
    let mut text = zeroize::Zeroizing::new(String::with_capacity(parts().map(str::len).sum()));
    text.extend(parts().flat_map(str::chars).filter(|c| !c.is_ascii_whitespace()));
    text
}

/// `text` as far as an error may show it: a short name.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || "._-:/#".contains(*c)).take(80).collect()
}
