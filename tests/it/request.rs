//! A deployment's templates see the request as Flask shows it: each table holds templates and what
//! Flask 3.1 with Werkzeug 3.1 makes of them, for the same request.

use std::fs;
use std::time::{Duration, Instant};

use reqwest::Method;
use tempfile::TempDir;

use super::support::log;
use super::support::site::{Browser, Site};

const A_BROWSER: [(&str, &str); 7] = [
    ("host", "chat.example:8000"),
    ("user-agent", "Mozilla/5.0 (X11; Mobile) <UA>"),
    ("accept-language", "de-CH,de;q=0.9,en;q=0.8"),
    ("accept", "text/html,application/xml;q=0.9,*/*;q=0.8"),
    ("referer", "http://chat.example:8000/find?q=1"),
    ("x-custom", "Jörg"),
    ("cookie", r#"theme=dark; q="a\073 b;c"; theme=two; x=J%C3%B6rg; e; =v; u=ü; eq=a=b"#),
];

/// A site whose pages are all one template.
struct Page {
    templates: TempDir,
    site: Site,
    browser: Browser,
    /// The cookie of somebody who is logged in.
    session: String,
}

impl Page {
    async fn new(flags: &[&str]) -> Self {
        let templates = tempfile::tempdir().unwrap();
        let folder = templates.path().to_str().unwrap();
        let own = ["--templates", folder, "--reload-templates"];
        let site = Site::with_flags(&[&own, flags].concat()).await;
        let browser = site.user("ann").await;
        let login = browser.log_in("ann", "password of ann").await;
        let cookie = login.headers()["set-cookie"].to_str().unwrap();
        let session = cookie.split(';').next().unwrap().to_owned();
        Self { templates, site, browser, session }
    }

    /// The page over the template, for a browser that sends the session's cookie before its others.
    async fn draw(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        template: &str,
    ) -> String {
        for name in ["chats.html", "login.html", "apology.html"] {
            fs::write(self.templates.path().join(name), template).unwrap();
        }
        let others = headers.iter().find(|(name, _)| *name == "cookie").map(|(_, cookie)| *cookie);
        let cookies = [Some(self.session.as_str()), others].into_iter().flatten();
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let headers = headers.iter().copied().filter(|(name, _)| *name != "cookie");
        let headers: Vec<(&str, &str)> = headers.chain([("cookie", cookies.as_str())]).collect();
        let response = self.browser.ask(method, path, &headers).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        if status == 500 {
            return format!("{:?}", visavis::http::check_templates(self.templates.path()));
        }
        text
    }
}

/// Asserts of each template what it gives on the page of that address.
async fn assert_gives(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    table: &[(&str, &str)],
) {
    let page = Page::new(&[]).await;
    let mut wrong = Vec::new();
    for (template, expected) in table {
        let drawn = page.draw(method.clone(), path, headers, template).await;
        if drawn != *expected {
            wrong.push(format!("{template:?}\n gives {drawn:?}\n   not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn fields_of_the_query_are_those_of_flask() {
    assert_gives(Method::GET, "/chats?tab=2&q=a%20b&q=c&get=%3C&e=&f", &A_BROWSER, &[
            ("{{ request.args }}|{{ request.args.q }}|{{ request.args['q'] }}|{{ request.args['none'] }}|{{ request.args.none }}|{{ request.args|length }}", "ImmutableMultiDict([(&#39;tab&#39;, &#39;2&#39;), (&#39;q&#39;, &#39;a b&#39;), (&#39;q&#39;, &#39;c&#39;), (&#39;get&#39;, &#39;&lt;&#39;), (&#39;e&#39;, &#39;&#39;), (&#39;f&#39;, &#39;&#39;)])|a b|a b|||5"),
            ("{{ request.args.get('q') }}|{{ request.args.get('none') }}|{{ request.args.get('none', 'd') }}|{{ request.args.get('n', 1, type=int) }}|{{ request.args.get(key='e', default='d') }}|{{ request.args.get('get') }}", "a b|None|d|1||&lt;"),
            ("{{ request.args.getlist('q') }}|{{ request.args.getlist('q')|length }}|{{ request.args.getlist('none') }}|{{ request.args.getlist('q', None)|join('+') }}", "[&#39;a b&#39;, &#39;c&#39;]|2|[]|a b+c"),
            ("{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{{ request.args.get('tab', type=twice) }}|{{ request.args.getlist('q', type=twice)|join }}", "22|a ba bcc"),
            ("{{ request.args.to_dict() }}|{{ request.args.to_dict(flat=False) }}|{{ request.args.lists()|list }}|{{ request.args.listvalues()|list }}", "{&#39;tab&#39;: &#39;2&#39;, &#39;q&#39;: &#39;a b&#39;, &#39;get&#39;: &#39;&lt;&#39;, &#39;e&#39;: &#39;&#39;, &#39;f&#39;: &#39;&#39;}|{&#39;tab&#39;: [&#39;2&#39;], &#39;q&#39;: [&#39;a b&#39;, &#39;c&#39;], &#39;get&#39;: [&#39;&lt;&#39;], &#39;e&#39;: [&#39;&#39;], &#39;f&#39;: [&#39;&#39;]}|[(&#39;tab&#39;, [&#39;2&#39;]), (&#39;q&#39;, [&#39;a b&#39;, &#39;c&#39;]), (&#39;get&#39;, [&#39;&lt;&#39;]), (&#39;e&#39;, [&#39;&#39;]), (&#39;f&#39;, [&#39;&#39;])]|[[&#39;2&#39;], [&#39;a b&#39;, &#39;c&#39;], [&#39;&lt;&#39;], [&#39;&#39;], [&#39;&#39;]]"),
            ("{{ request.args.keys()|list }}|{{ request.args.values()|list }}|{{ request.args.items()|list }}|{{ request.args.items(multi=true)|list }}|{{ request.args|list }}", "[&#39;tab&#39;, &#39;q&#39;, &#39;get&#39;, &#39;e&#39;, &#39;f&#39;]|[&#39;2&#39;, &#39;a b&#39;, &#39;&lt;&#39;, &#39;&#39;, &#39;&#39;]|[(&#39;tab&#39;, &#39;2&#39;), (&#39;q&#39;, &#39;a b&#39;), (&#39;get&#39;, &#39;&lt;&#39;), (&#39;e&#39;, &#39;&#39;), (&#39;f&#39;, &#39;&#39;)]|[(&#39;tab&#39;, &#39;2&#39;), (&#39;q&#39;, &#39;a b&#39;), (&#39;q&#39;, &#39;c&#39;), (&#39;get&#39;, &#39;&lt;&#39;), (&#39;e&#39;, &#39;&#39;), (&#39;f&#39;, &#39;&#39;)]|[&#39;tab&#39;, &#39;q&#39;, &#39;get&#39;, &#39;e&#39;, &#39;f&#39;]"),
            ("{% for name, value in request.args.items(true) %}{{ name }}={{ value }};{% endfor %}|{% for name in request.args %}{{ name }},{% endfor %}|{{ request.args|dictsort|first }}", "tab=2;q=a b;q=c;get=&lt;;e=;f=;|tab,q,get,e,f,|(&#39;e&#39;, &#39;&#39;)"),
            ("{{ 'q' in request.args }}|{{ 'none' in request.args }}|{{ 'none' not in request.args }}|{{ 'yes' if request.args else 'no' }}|{{ 'yes' if request.form else 'no' }}", "True|False|True|yes|no"),
            ("{{ request.args.copy() }}|{{ request.args|tojson }}|{{ request.args|urlencode }}", r#"MultiDict([(&#39;tab&#39;, &#39;2&#39;), (&#39;q&#39;, &#39;a b&#39;), (&#39;q&#39;, &#39;c&#39;), (&#39;get&#39;, &#39;&lt;&#39;), (&#39;e&#39;, &#39;&#39;), (&#39;f&#39;, &#39;&#39;)])|{"e": "", "f": "", "get": "\u003c", "q": "a b", "tab": "2"}|tab=2&amp;q=a+b&amp;get=%3C&amp;e=&amp;f="#),
            ("{{ request.values }}|{{ request.values.get('q') }}|{{ request.values.getlist('q') }}|{{ request.values|length }}|{{ request.values.q }}|{{ 'tab' in request.values }}|{{ request.values.to_dict(false) }}", "CombinedMultiDict([ImmutableMultiDict([(&#39;tab&#39;, &#39;2&#39;), (&#39;q&#39;, &#39;a b&#39;), (&#39;q&#39;, &#39;c&#39;), (&#39;get&#39;, &#39;&lt;&#39;), (&#39;e&#39;, &#39;&#39;), (&#39;f&#39;, &#39;&#39;)])])|a b|[&#39;a b&#39;, &#39;c&#39;]|5|a b|True|{&#39;tab&#39;: [&#39;2&#39;], &#39;q&#39;: [&#39;a b&#39;, &#39;c&#39;], &#39;get&#39;: [&#39;&lt;&#39;], &#39;e&#39;: [&#39;&#39;], &#39;f&#39;: [&#39;&#39;]}"),
            ("{{ request.form }}|{{ request.form.get('x') }}|{{ request.form.getlist('x') }}|{{ request.form.x }}|{{ request.form|length }}|{{ request.files }}|{{ request.files.get('x') }}|{% for name in request.form %}x{% else %}none{% endfor %}", "ImmutableMultiDict([])|None|[]||0|ImmutableMultiDict([])|None|none"),
    ]).await;
}

#[tokio::test]
async fn cookies_are_those_of_flask_and_not_the_sessions() {
    assert_gives(Method::GET, "/chats", &A_BROWSER, &[
            ("{{ request.cookies }}|{{ request.cookies|length }}|{{ request.cookies|list }}", "ImmutableMultiDict([(&#39;theme&#39;, &#39;dark&#39;), (&#39;theme&#39;, &#39;two&#39;), (&#39;q&#39;, &#39;a; b;c&#39;), (&#39;x&#39;, &#39;J%C3%B6rg&#39;), (&#39;e&#39;, &#39;&#39;), (&#39;u&#39;, &#39;Ã¼&#39;), (&#39;eq&#39;, &#39;a=b&#39;)])|6|[&#39;theme&#39;, &#39;q&#39;, &#39;x&#39;, &#39;e&#39;, &#39;u&#39;, &#39;eq&#39;]"),
            ("{{ request.cookies.get('theme', 'light') }}|{{ request.cookies.get('none', 'light') }}|{{ request.cookies.get('none') }}|{{ request.cookies.theme }}|{{ request.cookies['theme'] }}|{{ request.cookies.none }}|{{ request.cookies['none'] }}", "dark|light|None|dark|dark||"),
            ("{{ request.cookies.getlist('theme') }}|{{ request.cookies.q }}|{{ request.cookies.x }}|{{ request.cookies.e }}|{{ request.cookies.u }}|{{ request.cookies.eq }}", "[&#39;dark&#39;, &#39;two&#39;]|a; b;c|J%C3%B6rg||Ã¼|a=b"),
            ("{{ 'theme' in request.cookies }}|{{ 'none' in request.cookies }}|{% if request.cookies.get('theme') == 'dark' %}dark{% endif %}", "True|False|dark"),
    ]).await;
}

#[tokio::test]
async fn headers_are_those_of_flask_without_the_sessions_cookie() {
    assert_gives(Method::GET, "/chats", &A_BROWSER, &[
            ("{{ request.headers.get('user-agent') }}|{{ request.headers['USER-AGENT'] }}|{{ request.headers.Referer }}|{{ request.headers.user_agent }}|{{ request.headers['Accept-Language'] }}", "Mozilla/5.0 (X11; Mobile) &lt;UA&gt;|Mozilla/5.0 (X11; Mobile) &lt;UA&gt;|http://chat.example:8000/find?q=1|Mozilla/5.0 (X11; Mobile) &lt;UA&gt;|de-CH,de;q=0.9,en;q=0.8"),
            ("{{ request.headers.get('X-None') }}|{{ request.headers.get('X-None', 'd') }}|{{ request.headers['X-None'] }}|{{ request.headers.get('X-None', 1, type=int) }}|{{ request.headers.get('X-Custom') }}", "None|d||1|JÃ¶rg"),
            ("{{ 'accept-language' in request.headers }}|{{ 'X-None' in request.headers }}|{{ request.headers.getlist('Accept-Language') }}|{{ request.headers.get_all('Referer') }}|{{ request.headers.getlist('X-None') }}", "True|False|[&#39;de-CH,de;q=0.9,en;q=0.8&#39;]|[&#39;http://chat.example:8000/find?q=1&#39;]|[]"),
            ("{% for name, value in request.headers|sort %}{{ name }}={{ value }};{% endfor %}", r"Accept=text/html,application/xml;q=0.9,*/*;q=0.8;Accept-Language=de-CH,de;q=0.9,en;q=0.8;Cookie=theme=dark; q=&#34;a\073 b;c&#34;; theme=two; x=J%C3%B6rg; e; =v; u=Ã¼; eq=a=b;Host=chat.example:8000;Referer=http://chat.example:8000/find?q=1;User-Agent=Mozilla/5.0 (X11; Mobile) &lt;UA&gt;;X-Custom=JÃ¶rg;"),
            ("{{ request.headers.items()|sort|first }}|{{ request.headers.keys()|sort }}|{{ request.headers.values()|sort|first }}|{{ request.headers|length }}|{{ (request.headers|dictsort|first)[0] }}", "(&#39;Accept&#39;, &#39;text/html,application/xml;q=0.9,*/*;q=0.8&#39;)|[&#39;Accept&#39;, &#39;Accept-Language&#39;, &#39;Cookie&#39;, &#39;Host&#39;, &#39;Referer&#39;, &#39;User-Agent&#39;, &#39;X-Custom&#39;]|chat.example:8000|7|Accept"),
            ("{{ request.user_agent }}|{{ request.user_agent.string }}|{{ request.user_agent.browser }}|{{ request.user_agent.platform }}|{{ request.user_agent.version }}|{{ request.user_agent.language }}|{{ request.user_agent.nothing }}|{{ request.user_agent.to_header() }}", "Mozilla/5.0 (X11; Mobile) &lt;UA&gt;|Mozilla/5.0 (X11; Mobile) &lt;UA&gt;|None|None|None|None||Mozilla/5.0 (X11; Mobile) &lt;UA&gt;"),
            ("{{ 'Mobile' in request.user_agent.string }}|{{ 'Mobile' in request.user_agent|string }}|{{ request.user_agent.string.lower() }}|{{ request.user_agent.string|upper }}|{{ 'x' if request.user_agent else 'y' }}", "True|True|mozilla/5.0 (x11; mobile) &lt;ua&gt;|MOZILLA/5.0 (X11; MOBILE) &lt;UA&gt;|y"),
            ("{{ request.referrer }}|{{ request.origin }}|{{ request.content_type }}|{{ request.content_length }}|{{ request.content_encoding }}|{{ request.content_md5 }}|{{ request.mimetype }}|{{ request.mimetype_params }}|{{ request.is_json }}|{{ request.authorization }}|{{ request.access_control_request_method }}", "http://chat.example:8000/find?q=1|None|None|None|None|None||{}|False|None|None"),
            ("{{ request.accept_languages }}|{{ request.accept_languages.best }}|{{ request.accept_languages.best_match(['en', 'de']) }}|{{ request.accept_languages.best_match(['fr']) }}|{{ request.accept_languages.best_match(['fr'], 'xx') }}|{{ request.accept_languages.best_match(['de-AT', 'en-GB']) }}|{{ request.accept_languages.best_match(['en_US', 'en']) }}", "de-CH,de;q=0.9,en;q=0.8|de-CH|de|None|xx|de-AT|en"),
            ("{{ 'de' in request.accept_languages }}|{{ 'fr' in request.accept_languages }}|{{ request.accept_languages['de'] }}|{{ request.accept_languages[0] }}|{{ request.accept_languages.quality('en') }}|{{ request.accept_languages.quality('fr') }}|{{ request.accept_languages.find('en') }}|{{ request.accept_languages.find('fr') }}|{{ request.accept_languages.values()|list }}|{% for a, b in request.accept_languages %}{{ a }}:{{ b }};{% endfor %}|{{ request.accept_languages|length }}|{{ request.accept_languages|first }}", "True|False|0.9|(&#39;de-CH&#39;, 1)|0.8|0|2|-1|[&#39;de-CH&#39;, &#39;de&#39;, &#39;en&#39;]|de-CH:1;de:0.9;en:0.8;|3|(&#39;de-CH&#39;, 1)"),
            ("{{ request.accept_mimetypes }}|{{ request.accept_mimetypes.accept_html }}|{{ request.accept_mimetypes.accept_json }}|{{ request.accept_mimetypes.accept_xhtml }}|{{ request.accept_mimetypes.best }}|{{ request.accept_mimetypes.best_match(['application/json', 'text/html']) }}|{{ request.accept_mimetypes['application/xml'] }}|{{ request.accept_mimetypes['image/png'] }}", "text/html,application/xml;q=0.9,*/*;q=0.8|True|True|True|text/html|text/html|0.9|0.8"),
            ("{{ request.accept_charsets }}|{{ request.accept_charsets.best }}|{{ request.accept_encodings|length }}|{{ request.accept_encodings.provided }}|{{ request.accept_languages.provided }}", "|None|0|False|True"),
    ]).await;
}

#[tokio::test]
async fn the_route_and_the_address_are_those_of_flask() {
    assert_gives(Method::GET, "/chats?tab=2&q=a%20b&q=c", &A_BROWSER, &[
            ("{{ request.url_rule }}|{{ request.url_rule.endpoint }}|{{ request.url_rule.rule }}|{{ request.url_rule.methods|sort }}|{{ 'GET' in request.url_rule.methods }}|{{ request.url_rule.arguments }}", "/chats|chats|/chats|[&#39;GET&#39;, &#39;HEAD&#39;, &#39;OPTIONS&#39;]|True|set()"),
            ("{{ request.endpoint }}|{{ request.view_args }}|{{ request.blueprint }}|{{ request.blueprints }}|{{ request.routing_exception }}", "chats|{}|None|[]|None"),
            ("{{ url_for(request.endpoint, lang='de', **request.view_args) }}|{{ url_for(request.endpoint, **request.args) }}|{{ url_for('chats', **request.args.to_dict(flat=False)) }}|{{ url_for(request.url_rule.endpoint) }}", "/chats?lang=de|/chats?tab=2&amp;q=a+b|/chats?tab=2&amp;q=a+b&amp;q=c|/chats"),
            ("{{ request.remote_addr }}|{{ request.remote_user }}|{{ request.access_route }}|{{ request.access_route[0] }}|{{ request.access_route|length }}|{{ request.host }}|{{ request.trusted_hosts }}", "127.0.0.1|None|ImmutableList([&#39;127.0.0.1&#39;])|127.0.0.1|1|chat.example:8000|None"),
            ("{{ request.query_string }}|{{ request.query_string.decode() }}|{{ request.query_string.decode('utf-8').split('&') }}|{{ request.data }}|{{ request.get_data() }}|{{ request.get_data(as_text=true) }}|{{ request.get_json(silent=true) }}|{{ request.json if request.is_json }}", "b&#39;tab=2&amp;q=a%20b&amp;q=c&#39;|tab=2&amp;q=a%20b&amp;q=c|[&#39;tab=2&#39;, &#39;q=a%20b&#39;, &#39;q=c&#39;]|b&#39;&#39;|b&#39;&#39;||None|"),
            ("{{ request }}|{{ request.nothing }}|{{ request.nothing is defined }}|{{ request.args is defined }}|{{ request['path'] }}", "&lt;Request &#39;http://chat.example:8000/chats?tab=2&amp;q=a%20b&amp;q=c&#39; [GET]&gt;||False|True|/chats"),
            ("{{ request.url }}|{{ request.base_url }}|{{ request.host_url }}|{{ request.root_url }}|{{ request.full_path }}|{{ request.is_secure }}", "http://chat.example:8000/chats?tab=2&amp;q=a%20b&amp;q=c|http://chat.example:8000/chats|http://chat.example:8000/|http://chat.example:8000/|/chats?tab=2&amp;q=a%20b&amp;q=c|False"),
            ("{{ request.environ.REMOTE_ADDR }}|{{ request.environ['HTTP_USER_AGENT'] }}|{{ request.environ.get('PATH_INFO') }}|{{ request.environ.get('REQUEST_METHOD') }}|{{ request.environ['QUERY_STRING'] }}|{{ request.environ.get('HTTP_X_NONE', 'd') }}|{{ request.environ['wsgi.url_scheme'] }}|{{ request.environ.SCRIPT_NAME }}", "127.0.0.1|Mozilla/5.0 (X11; Mobile) &lt;UA&gt;|/chats|GET|tab=2&amp;q=a%20b&amp;q=c|d|http|"),
    ]).await;
}

#[tokio::test]
async fn headers_that_browsers_rarely_send_are_read_as_by_flask() {
    let headers = [
        ("host", "chat.example"),
        ("x-forwarded-for", "192.0.2.1, 198.51.100.2"),
        (
            "accept",
            "*/*;q=0.1,text/html;level=1;q=0.5,text/html;q=0.7,image/*;q=1.5,text/plain;q=x,application/json",
        ),
        ("accept-language", "en-US,*;q=0.2,fr;q=0"),
        ("accept-charset", "utf-8;q=0.7, ISO-8859-1"),
        ("accept-encoding", "identity, x-own;q=1.0"),
        ("origin", "null"),
        ("content-type", r#"Application/JSON; Charset="UTF-8"; x"#),
    ];
    assert_gives(Method::GET, "/chats", &headers, &[
            ("{{ request.access_route }}|{{ request.remote_addr }}|{{ request.host }}", "ImmutableList([&#39;192.0.2.1&#39;, &#39;198.51.100.2&#39;])|127.0.0.1|chat.example"),
            ("{{ request.accept_mimetypes }}|{{ request.accept_mimetypes.best }}|{{ request.accept_mimetypes['text/html;level=1'] }}|{{ request.accept_mimetypes['text/html'] }}|{{ request.accept_mimetypes.quality('image/png') }}|{{ request.accept_mimetypes.best_match(['text/html', 'application/json']) }}", "text/html; level=1;q=0.5,application/json,text/html;q=0.7,*/*;q=0.1|text/html; level=1|0.5|0.7|0.1|application/json"),
            ("{{ request.accept_languages }}|{{ request.accept_languages.best_match(['de', 'en']) }}|{{ request.accept_languages.best_match(['fr']) }}|{{ request.accept_languages.quality('pt') }}", "en-US,fr;q=0.0,*;q=0.2|de|None|0.2"),
            ("{{ request.accept_charsets }}|{{ 'UTF8' in request.accept_charsets }}|{{ request.accept_charsets.best_match(['utf-8', 'latin1']) }}|{{ request.accept_encodings }}|{{ request.accept_encodings.best }}|{{ request.accept_encodings['X-OWN'] }}", "ISO-8859-1,utf-8;q=0.7|True|latin1|identity,x-own|identity|1.0"),
            ("{{ request.origin }}|{{ request.content_type }}|{{ request.mimetype }}|{{ request.mimetype_params }}|{{ request.is_json }}|{{ request.headers['content-type'] }}|{{ request.user_agent }}|{{ request.user_agent.string }}|{{ request.referrer }}", "null|Application/JSON; Charset=&#34;UTF-8&#34;; x|application/json|{&#39;charset&#39;: &#39;UTF-8&#39;}|True|Application/JSON; Charset=&#34;UTF-8&#34;; x|||None"),
    ]).await;
}

#[tokio::test]
async fn the_page_that_is_not_found_sees_the_request() {
    assert_gives(Method::GET, "/nowhere?a=1", &A_BROWSER, &[
            ("{{ request.endpoint }}|{{ request.url_rule }}|{{ request.view_args }}|{{ request.routing_exception }}|{{ request.routing_exception.code }}|{{ request.routing_exception.name }}|{{ request.args.a }}|{{ request.cookies.theme }}|{{ request.headers.Referer }}|{{ request.remote_addr }}|{{ request.path }}", "None|None|None|404 Not Found: The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.|404|Not Found|1|dark|http://chat.example:8000/find?q=1|127.0.0.1|/nowhere"),
    ]).await;
}

#[tokio::test]
async fn the_page_of_a_method_that_is_not_allowed_has_no_route() {
    assert_gives(Method::PUT, "/chats", &A_BROWSER, &[
            ("{{ request.endpoint }}|{{ request.url_rule }}|{{ request.view_args }}|{{ request.routing_exception.code }}|{{ request.routing_exception }}|{{ request.method }}|{{ request.values }}|{{ request.user_agent.string }}", "None|None|None|405|405 Method Not Allowed: The method is not allowed for the requested URL.|PUT|CombinedMultiDict([ImmutableMultiDict([]), ImmutableMultiDict([])])|Mozilla/5.0 (X11; Mobile) &lt;UA&gt;"),
    ]).await;
}

#[tokio::test]
async fn a_variable_of_the_route_is_an_argument_of_the_view() {
    assert_gives(Method::GET, "/reset/a%20b", &A_BROWSER, &[
            ("{{ request.view_args }}|{{ request.view_args.secret }}|{{ request.url_rule }}|{{ request.url_rule.arguments }}|{{ request.endpoint }}|{{ url_for(request.endpoint, lang='de', **request.view_args) }}|{{ url_for('reset', secret='a/b?') }}", "{&#39;secret&#39;: &#39;a b&#39;}|a b|/reset/&lt;secret&gt;|{&#39;secret&#39;}|reset|/reset/a%20b?lang=de|/reset/a/b%3F"),
    ]).await;
}

#[tokio::test]
async fn no_template_can_show_a_cookie_that_carries_a_session() {
    let page = Page::new(&["--cookie-name", "chat_cookie"]).await;
    let (_, id) = page.session.split_once('=').unwrap();
    let cookies = format!(
        "a=1;chat_cookie={id}; visavis_session={id}; visavis_session_5001=neighbour-id; \
         q=\"x; chat_cookie={id}; y\"; b=2; chat_cookie ={id}; visavis_session"
    );
    let everything = "{% autoescape false %}{{ request.cookies }}{{ request.headers }}\
        {{ request.headers.items()|list }}{{ request.headers.Cookie }}{{ request.environ }}\
        {{ request }}{{ [request, request.headers, request.cookies]|pprint }}{{ debug() }}\
        {{ request.cookies.chat_cookie }}{{ request.headers.getlist('Cookie') }}{{ request.values }}\
        {{ request.cookies.to_dict(false) }}{% for pair in request.headers %}{{ pair }}{% endfor %}\
        {% endautoescape %}";
    for path in ["/chats", "/login", "/nowhere"] {
        let drawn = page.draw(Method::GET, path, &[("cookie", &cookies)], everything).await;
        assert!(drawn.contains("('a', '1')") && drawn.contains("('b', '2')"), "{drawn}");
        for hidden in [id, "chat_cookie", "visavis_session", "neighbour-id"] {
            assert!(!drawn.contains(hidden), "{hidden} is in {path}: {drawn}");
        }
    }
    let header = "{{ request.headers.Cookie }}|{{ request.cookies|length }}";
    let drawn = page.draw(Method::GET, "/chats", &[], header).await;
    assert_eq!(drawn, "|0");
}

/// Prints all headers and cookies, each in several ways.
const EVERYTHING: &str = "{% autoescape false %}{{ request.cookies }}{{ request.headers }}\
    {{ request.environ }}{{ request.cookies.to_dict(false) }}{{ request.headers.items()|list }}\
    {% endautoescape %}";
/// The session of another browser.
const STOLEN: &str = "AAAAAAAAAAAAAAAAAAAAAQ";

#[tokio::test]
async fn no_spelling_of_the_sessions_cookie_shows_the_session() {
    let page = Page::new(&["--cookie-name", "chat_cookie"]).await;
    for spelling in [
        "\"chat_cookie\"=ID",
        "'chat_cookie'=ID",
        "chat_cookie\t = \"ID\"",
        "CHAT_Cookie=ID",
        "chat%5Fcookie=ID",
        "chat%5fcookie%3DID",
        "=chat_cookie=ID",
        "x=1, chat_cookie=ID",
        "x=1,chat_cookie=ID,y=2",
        "q=\"x, chat_cookie=ID\"",
        "q=x%3B%20chat_cookie=ID",
        "\u{a0}chat_cookie\u{a0}=ID",
        "Visavis_Session_5001=ID",
        "__Host-visavis_session=ID",
        "chat_cookie=x ID y",
        // The same id under a name of somebody else.
        "other=ID;chat_cookie=ID",
        "chat_cookie=ID;other=\"(ID)\"",
    ] {
        let cookies = format!("a=1;{};b=2", spelling.replace("ID", STOLEN));
        for path in ["/chats", "/nowhere"] {
            let drawn = page.draw(Method::GET, path, &[("cookie", &cookies)], EVERYTHING).await;
            assert!(drawn.contains("('a', '1')") && drawn.contains("('b', '2')"), "{drawn}");
            assert!(!drawn.contains(STOLEN), "{spelling} in {path}: {drawn}");
        }
    }
}

#[tokio::test]
async fn no_header_shows_the_session() {
    let page = Page::new(&["--cookie-name", "chat_cookie"]).await;
    let (_, id) = page.session.split_once('=').unwrap();
    let (copy, token) = (format!("a=1; {}; b=2", page.session), format!("Bearer {id}"));
    let stolen = format!("a=1; chat_cookie={STOLEN}");
    let headers = [
        ("x-original-cookie", copy.as_str()),
        ("cookie2", &stolen),
        ("x-session", id),
        ("authorization", &token),
        ("x-other", "shown"),
        // No session: a name alone carries nothing.
        ("referer", "http://chat.example/?q=chat_cookie"),
    ];
    let drawn = page.draw(Method::GET, "/chats", &headers, EVERYTHING).await;
    for hidden in [id, STOLEN] {
        assert!(!drawn.contains(hidden), "{hidden}: {drawn}");
    }
    for shown in ["shown", "X-Original-Cookie: a=1; b=2", "Cookie2: a=1", "?q=chat_cookie"] {
        assert!(drawn.contains(shown), "{shown}: {drawn}");
    }
}

#[tokio::test]
async fn cookies_that_only_look_like_the_sessions_are_shown() {
    let page = Page::new(&["--cookie-name", "trial"]).await;
    let cookies = "theme=trial; trials=1; my_trial=2; n=22-characters-are-here";
    let drawn = page.draw(Method::GET, "/chats", &[("cookie", cookies)], EVERYTHING).await;
    for shown in cookies.split("; ") {
        let (name, value) = shown.split_once('=').unwrap();
        assert!(drawn.contains(&format!("('{name}', '{value}')")), "{shown}: {drawn}");
    }
}

#[tokio::test]
async fn the_address_of_a_visitor_is_the_one_that_limits_count() {
    let template =
        "{{ request.remote_addr }}|{{ request.access_route }}|{{ request.environ.REMOTE_ADDR }}";
    let headers = [("x-forwarded-for", "203.0.113.66, 198.51.100.1")];
    for (flags, expected) in
        [(&["--trusted-proxy", "127.0.0.1"][..], "198.51.100.1"), (&[], "127.0.0.1")]
    {
        let page = Page::new(flags).await;
        for path in ["/chats", "/nowhere"] {
            let drawn = page.draw(Method::GET, path, &headers, template).await;
            let route = "ImmutableList([&#39;203.0.113.66&#39;, &#39;198.51.100.1&#39;])";
            assert_eq!(drawn, format!("{expected}|{route}|{expected}"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_page_that_a_limit_refuses_sees_the_request() {
    let page = Page::new(&["--limit-logins", "2/h"]).await;
    let template = "{{ request.method }}|{{ request.user_agent.string }}|{{ request.endpoint }}|\
        {{ request.cookies.theme }}|{{ request.remote_addr }}|{{ request.form }}";
    fs::write(page.templates.path().join("apology.html"), template).unwrap();
    let headers = [("user-agent", "UA"), ("cookie", "theme=dark")];
    let form = [("username", "ann"), ("password", "nothing that fits")];
    let browser = page.site.browser();
    let mut refused = browser.form_with(&headers, "/login", &form).await;
    for _ in 0..3 {
        refused = browser.form_with(&headers, "/login", &form).await;
    }
    assert_eq!(refused.status(), 429);
    let expected = "POST|UA|login|dark|127.0.0.1|ImmutableMultiDict([])";
    assert_eq!(refused.text().await.unwrap(), expected);
}

#[tokio::test]
async fn authorization_for_a_proxy_is_read_as_by_flask() {
    let page = Page::new(&[]).await;
    let template = "{% set a = request.authorization %}{{ a.type }}|{{ a.username }}|{{ a.password }}|\
        {{ a.parameters }}|{{ a.to_header() }}";
    for (header, expected) in [
        (
            "Basic YW5uOnMzY3JldDp4",
            "basic|ann|s3cret:x|{&#39;username&#39;: &#39;ann&#39;, &#39;password&#39;: &#39;s3cret:x&#39;}|Basic YW5uOnMzY3JldDp4",
        ),
        ("Basic ?", "||||"),
    ] {
        let template = template.replace("{{ a.to_header() }}", "{{ a.to_header() if a }}");
        let template = template.replace(
            "{% set a = request.authorization %}",
            "{% set a = request.authorization or {} %}",
        );
        let drawn = page.draw(Method::GET, "/chats", &[("authorization", header)], &template).await;
        assert_eq!(drawn, expected, "{header}");
    }
}

#[tokio::test]
async fn what_the_request_does_not_have_is_named_by_the_error() {
    let page = Page::new(&[]).await;
    for (template, reason) in [
        ("{{ request.stream.read() }}", "`request.stream` is undefined"),
        ("{{ request.args.get('q', type=int) }}", "templates have no int or float"),
        ("{{ request.args.getlist('q', type=int) }}", "templates have no int or float"),
        ("{{ request.args.update(a=1) }}", "values cannot be changed here"),
        ("{{ request.get_json() }}", "get_json(silent=true)"),
        ("{{ request.headers.has_key('Referer') }}", "has no method named has_key"),
        ("{{ url_for('reset') }}", "url_for('reset') needs secret"),
    ] {
        fs::write(page.templates.path().join("chats.html"), template).unwrap();
        let status = page.browser.get("/chats?q=1").await.status();
        assert_eq!(status, 500, "{template}");
        let told = log::lines_with(page.templates.path().to_str().unwrap());
        assert!(told.iter().any(|line| line.contains(reason)), "{template}: {told:?}");
    }
}

/// What no page takes longer than, by far, so that whoever waits for one is answered.
const DRAWN_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_loop_over_a_large_request_ends_soon() {
    let page = Page::new(&[]).await;
    let numbers: Vec<String> = (0..900).map(|number| number.to_string()).collect();
    let (fields, types) = (numbers.join("&"), format!("a/{}", numbers[..300].join(",a/")));
    let cookies = fields.replace('&', ";");
    let cookies = format!("{}; {}", page.session, &cookies[..1500]);
    let headers = [("accept", types.as_str()), ("cookie", &cookies)];
    let path = format!("/chats?{fields}");
    for asked in [
        "request.args.to_dict(false)",
        "request.args.getlist('1')",
        "request.args.items(true)",
        "request.cookies.copy()",
        "request.headers.items()",
        "request.headers ~ request.args",
        "request.url ~ request.environ",
        "'b/b' in request.accept_mimetypes",
        "request.accept_mimetypes.best_match(['b/b', 'c/c', 'd/d'])",
    ] {
        let inner = format!("{{% for y in range(90000) %}}{{% set z = {asked} %}}{{% endfor %}}");
        let template = format!("{{% for x in range(90000) %}}{inner}{{% endfor %}}");
        fs::write(page.templates.path().join("chats.html"), template).unwrap();
        let began = Instant::now();
        let drawn = page.browser.ask(Method::GET, &path, &headers).await;
        let took = began.elapsed();
        assert_eq!(drawn.status(), 500, "{asked}");
        assert!(took < DRAWN_WITHIN, "{asked}: {took:?}");
    }
}
