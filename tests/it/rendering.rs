//! A deployment's templates give the very bytes that Flask gave: each table holds templates and
//! what Flask 3.1 with Jinja2 3.1 makes of them, for the same visitor on the same page.

use std::fs;

use tempfile::TempDir;

use super::support::site::{Browser, Site};

/// Ann on her page of chats, over templates that can be changed.
struct Page {
    templates: TempDir,
    ann: Browser,
    _site: Site,
}

impl Page {
    async fn new() -> Self {
        let templates = tempfile::tempdir().unwrap();
        let folder = templates.path().to_str().unwrap();
        let site = Site::with_flags(&["--templates", folder, "--reload-templates"]).await;
        let ann = site.user("ann").await;
        for (name, id) in [("o'brien <b>", "2"), ("Cyd", "3")] {
            site.user(name).await;
            ann.post("/add", &[("id", id)]).await;
        }
        Self { templates, ann, _site: site }
    }

    /// What the page is over these files, or why it is none.
    async fn draw(&self, files: &[(&str, &str)]) -> String {
        for (name, source) in files {
            let path = self.templates.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, source).unwrap();
        }
        let response = self.ann.get("/chats?tab=2&q=a%20b").await;
        let status = response.status();
        let text = response.text().await.unwrap();
        if status == 200 {
            return text;
        }
        format!("{status}: {:?}", visavis::http::check_templates(self.templates.path()))
    }
}

/// Asserts of each template, as `chats.html`, what it gives.
async fn assert_gives(table: &[(&str, &str)]) {
    let page = Page::new().await;
    let mut wrong = Vec::new();
    for (template, expected) in table {
        let drawn = page.draw(&[("chats.html", template)]).await;
        if drawn != *expected {
            wrong.push(format!("{template:?}\n gives {drawn:?}\n   not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_page_sees_what_flask_shows_it() {
    assert_gives(&[
        (r#"{{ session["user_id"] }}|{{ session.user_id }}|{{ session.get("user_id") }}|{{ session.username }}|{{ session['username'] }}"#, "1|1|1|ann|ann"),
        (r#"{% if session["user_id"] %}in{% else %}out{% endif %}"#, "in"),
        (r#"{% if session.get("nothing") %}in{% else %}out{% endif %}|{{ session["nothing"] }}|{{ session.get("nothing", "x") }}|{{ session.get("nothing") }}"#, "out||x|None"),
        (r#"{{ "user_id" in session }}|{{ "nothing" in session }}|{{ "nothing" not in session }}"#, "True|False|True"),
        (r#"{% for chat in chats %}{{ chat['id'] }},{{ chat["username"] }},{{ chat.new_message_count }};{% endfor %}"#, "3,Cyd,0;2,o&#39;brien &lt;b&gt;,0;"),
        (r#"{{ request.path }}|{{ request.method }}|{{ request.endpoint }}|{{ request.args.get("tab") }}|{{ request.args.get("nothing") }}|{{ request.args["q"] }}|{{ request.args.get('nothing', 'y') }}"#, "/chats|GET|chats|2|None|a b|y"),
        (r#"{% if request.path == "/chats" %}active{% endif %}{% if request.path.startswith("/ch") %} starts{% endif %}{{ ' active' if request.endpoint == 'chats' }}"#, "active starts active"),
        ("{{ request.full_path }}|{{ request.script_root }}|{{ request.is_secure }}|{{ request.scheme }}", "/chats?tab=2&amp;q=a%20b||False|http"),
        ("{% for name, value in request.args.items() %}{{ name }}={{ value }};{% endfor %}", "tab=2;q=a b;"),
        ("{{ get_flashed_messages() }}|{% with messages = get_flashed_messages(with_categories=true) %}{% if messages %}some{% else %}none{% endif %}{% endwith %}", "[]|none"),
        (r#"{% for category, message in get_flashed_messages(with_categories=true, category_filter=["error"]) %}x{% endfor %}."#, "."),
        (r#"{{ config.DEBUG }}|{{ config["NOTHING"] }}|{{ g.nothing }}|{% if g.user %}x{% endif %}"#, "False|||"),
        (r#"{{ nothing }}|{% if nothing %}x{% else %}y{% endif %}|{% for x in nothing %}x{% else %}empty{% endfor %}|{{ nothing is defined }}|{{ nothing|default("d") }}"#, "|y|empty|False|d"),
    ]).await;
}

#[tokio::test]
async fn url_for_gives_the_addresses_that_flask_gives() {
    assert_gives(&[
        (r#"{{ url_for('static', filename='chats.js') }}|{{ url_for('static', filename='a b/ü&c.css') }}|{{ url_for("static", filename="styles.css", v=3) }}"#, "/static/chats.js|/static/a%20b/%C3%BC&amp;c.css|/static/styles.css?v=3"),
        ("{{ url_for('index') }} {{ url_for('find') }} {{ url_for('add') }} {{ url_for('chats') }} {{ url_for('register') }} {{ url_for('login') }} {{ url_for('logout') }}", "/ /find /add /chats /register /login /logout"),
        ("{{ url_for('find', q='a b&c/ü') }}|{{ url_for('find', q=None) }}|{{ url_for('find', a=1, b=[1, 2]) }}", "/find?q=a+b%26c/%C3%BC|/find|/find?a=1&amp;b=1&amp;b=2"),
        ("{{ url_for('chats', _anchor='chat-1') }}|{{ url_for('login', next=request.path) }}|{{ url_for('login', next='/x?y=z&t') }}", "/chats#chat-1|/login?next=/chats|/login?next=/x?y%3Dz%26t"),
        ("{{ url_for('.chats') }}|{{ url_for('.index') }}|{{ url_for('.static', filename='a.js') }}|{{ url_for('.chats', a=true, b=1.5, c='') }}", "/chats|/|/static/a.js|/chats?a=True&amp;b=1.5&amp;c="),
        (r#"<a href="{{ url_for('find', a=1, b='"<') }}">"#, r#"<a href="/find?a=1&amp;b=%22%3C">"#),
    ]).await;
}

#[tokio::test]
async fn what_is_escaped_is_escaped_as_by_flask() {
    assert_gives(&[
        (r#"{{ "<a href='/x'>\"&\"</a>" }}"#, "&lt;a href=&#39;/x&#39;&gt;&#34;&amp;&#34;&lt;/a&gt;"),
        (r#"{{ "/a/b" }}|{{ "it's" }}|{{ 'say "x"' }}"#, "/a/b|it&#39;s|say &#34;x&#34;"),
        (r#"{{ "<b>"|safe }}|{{ "<b>"|e }}|{{ "<b>"|escape|escape }}|{{ "<b>"|e|forceescape }}|{{ "<b>"|safe|e }}"#, "<b>|&lt;b&gt;|&lt;b&gt;|&amp;lt;b&amp;gt;|<b>"),
        (r#"{% autoescape false %}{{ "<b>" }}{{ "<b>"|e }}{% endautoescape %}|{{ "<b>" }}"#, "<b>&lt;b&gt;|&lt;b&gt;"),
        (r#"{% set a = "<b>" %}{{ a ~ a|safe }}|{{ a|safe ~ a }}|{{ "a" ~ 1 ~ 1.5 ~ None ~ true }}"#, "&lt;b&gt;<b>|<b>&lt;b&gt;|a11.5NoneTrue"),
        (r#"{{ "<b>" + "'" }}|{{ ("<b>"|safe) + "<" }}"#, "&lt;b&gt;&#39;|<b>&lt;"),
        (r#"{% set x %}<b>{{ "<" }}</b>{% endset %}{{ x }}"#, "<b>&lt;</b>"),
        (r#"{% set x = "<b>" %}{{ x }}|{% set y = x|safe %}{{ y }}"#, "&lt;b&gt;|<b>"),
        (r#"{% macro m(x) %}<i>{{ x }}</i>{% endmacro %}{{ m("<") }}|{{ m("<"|safe) }}"#, "<i>&lt;</i>|<i><</i>"),
        (r#"{{ ["<", "'"]|join("<br>") }}|{{ ["<", ">"]|join("<br>"|safe) }}|{{ ["a"|safe, "<"]|join(", ") }}"#, "&lt;&lt;br&gt;&#39;|&lt;<br>&gt;|a, &lt;"),
        (r#"{{ "a<b"|replace("<", "'") }}|{{ ("a<b"|safe)|replace("<", ">") }}"#, "a&#39;b|a&gt;b"),
        (r#"{{ "<%s>"|format("'") }}|{{ ("<b>%s</b>"|safe)|format("<") }}"#, "&lt;&#39;&gt;|<b>&lt;</b>"),
        (r#"{{ ["<a>", 'b"'] }}|{{ {"k": "<v>"} }}|{{ ("a", 1) }}"#, "[&#39;&lt;a&gt;&#39;, &#39;b&#34;&#39;]|{&#39;k&#39;: &#39;&lt;v&gt;&#39;}|(&#39;a&#39;, 1)"),
        (r#"{{ "<p>Hello <b>world</b></p>  x"|striptags }}|{{ "a &amp; b <!-- c --> d"|striptags }}"#, "Hello world x|a &amp; b d"),
        (r#"{% filter upper %}<b>a{{ "<" }}</b>{% endfilter %}"#, "<B>A&LT;</B>"),
        (r#"{{ "<b>"|upper }}|{{ ("<b>"|safe)|upper }}|{{ ("<b>x</b>"|safe).upper() }}"#, "&lt;B&gt;|<B>|<B>X</B>"),
        (r#"{{ {"class": "a b", "id": None, "title": "<'\">"}|xmlattr }}|{{ {"a": 1}|xmlattr(false) }}|{{ {}|xmlattr }}"#, r#" class="a b" title="&lt;&#39;&#34;&gt;"|a="1"|"#),
        (r#"{{ "x"|e is escaped }}|{{ "x" is escaped }}"#, "True|False"),
        (r#"{{ "a&b"|urlencode }}|{{ "a/b c?d=ü"|urlencode }}|{{ {"a": "1 2", "b": "ü&"}|urlencode }}|{{ [("x", 1), ("y", "z/")]|urlencode }}"#, "a%26b|a/b%20c%3Fd%3D%C3%BC|a=1+2&amp;b=%C3%BC%26|x=1&amp;y=z%2F"),
    ]).await;
}

#[tokio::test]
async fn values_and_operators_are_those_of_python() {
    assert_gives(&[
        ("{{ 1 }}|{{ 1.0 }}|{{ 0.1 }}|{{ 1.5e3 }}|{{ 1e16 }}|{{ 1e-5 }}|{{ 123456789012345678 }}|{{ 1/3 }}|{{ -0.5 }}", "1|1.0|0.1|1500.0|1e+16|1e-05|123456789012345678|0.3333333333333333|-0.5"),
        ("{{ 7 // 2 }}|{{ -7 // 2 }}|{{ 7 % 3 }}|{{ -7 % 3 }}|{{ 2 ** 10 }}|{{ 2 ** -1 }}|{{ 1 + 2.0 }}|{{ 4 / 2 }}|{{ 7.5 // 2 }}", "3|-4|1|2|1024|0.5|3.0|2.0|3.0"),
        ("{{ true }}|{{ false }}|{{ none }}|{{ True }}|{{ None }}|{{ True + 1 }}", "True|False|None|True|None|2"),
        (r#"{{ 1 == 1.0 }}|{{ "1" == 1 }}|{{ [1, 2] == [1, 2] }}|{{ {"a": 1} == {"a": 1} }}|{{ (1, 2) == [1, 2] }}|{{ true == 1 }}|{{ none == 0 }}"#, "True|False|True|True|False|True|False"),
        (r#"{{ 1 < 2 < 3 }}|{{ "a" < "b" }}|{{ [1, 2] < [1, 3] }}|{{ 1 != 2 }}|{{ not 1 }}"#, "True|True|True|True|False"),
        (r#"{{ "" or "x" }}|{{ 0 or none }}|{{ 1 and 2 }}|{{ [] and 1 }}|{{ "a" and "b" or "c" }}"#, "x|None|2|[]|b"),
        (r#"{% for x in ["", " ", 0, 0.0, [], {}, none, "0", [0], ()] %}{{ "T" if x else "F" }}{% endfor %}"#, "FTFFFFFTTF"),
        (r#"{{ 1 in [1, 2] }}|{{ "a" in "cat" }}|{{ "k" in {"k": 1} }}|{{ 3 not in [1] }}"#, "True|True|True|True"),
        (r#"{{ [1, 2] + [3] }}|{{ "ab" * 3 }}|{{ [0] * 3 }}|{{ "-" * 10 }}"#, "[1, 2, 3]|ababab|[0, 0, 0]|----------"),
        (r#"{{ "abc"[1] }}|{{ "abc"[-1] }}|{{ "abcdef"[1:4] }}|{{ "abc"[::-1] }}|{{ [1, 2, 3][1:] }}|{{ "abc"[:2] }}|{{ [1,2,3][-2:] }}"#, "b|c|bcd|cba|[2, 3]|ab|[2, 3]"),
        (r#"{{ {"a": [1, {"b": "c"}]}.a[1].b }}|{{ {"a": 1}["b"] }}|{{ [1][5] }}"#, "c||"),
        (r#"{{ [1, "a", 1.0, none, true, "it's", 'q"', "both'\""] }}|{{ {"a": 1, 2: "b"} }}|{{ (1,) }}|{{ () }}|{{ [] }}|{{ {} }}"#, r"[1, &#39;a&#39;, 1.0, None, True, &#34;it&#39;s&#34;, &#39;q&#34;&#39;, &#39;both\&#39;&#34;&#39;]|{&#39;a&#39;: 1, 2: &#39;b&#39;}|(1,)|()|[]|{}"),
        (r#"{{ "x" if false }}|{{ "x" if true else "y" }}|{{ ("x" if false) is defined }}"#, "|x|False"),
        (r#"{{ "%d %s %05.2f %x"|format(3, "a", 1.5, 255) }}|{{ "%s%%"|format(5) }}"#, "3 a 01.50 ff|5%"),
        (r#"{{ "a" "b" }}|{{ 1_000 }}|{{ 0x10 }}|{{ 0b11 }}|{{ "\n\t\\\u00e9" }}"#, "ab|1000|16|3|\n\t\\é"),
        (r#"{{ 3|string ~ "x" }}|{{ (1.0)|string }}|{{ 1e20|string }}"#, "3x|1.0|1e+20"),
        (r#"{{ dict(a=1, b="x") }}|{{ range(3)|list }}|{{ range(1, 10, 3)|list }}|{{ range(3, 0, -1)|list }}"#, "{&#39;a&#39;: 1, &#39;b&#39;: &#39;x&#39;}|[0, 1, 2]|[1, 4, 7]|[3, 2, 1]"),
        ("{{ 1 if 1 is odd else 2 }}|{{ 10 is divisibleby 5 }}|{{ 10 is divisibleby(3) }}|{{ 4 is even }}", "1|True|False|True"),
        (r#"{{ x is undefined }}|{{ none is none }}|{{ "a" is string }}|{{ 1 is number }}|{{ 1 is integer }}|{{ 1.0 is float }}|{{ true is boolean }}|{{ true is number }}|{{ {} is mapping }}|{{ [] is sequence }}|{{ "a" is sequence }}|{{ [] is iterable }}|{{ range is callable }}|{{ 1 is callable }}"#, "True|True|True|True|True|True|True|True|True|True|True|True|True|False"),
        (r#"{{ 1 is sameas 1 }}|{{ true is true }}|{{ 1 is true }}|{{ false is false }}|{{ "A" is upper }}|{{ "a" is lower }}|{{ 1 is eq 1 }}|{{ 1 is gt 0 }}|{{ 1 is in [1] }}|{{ 2 is ne 1 }}|{{ "upper" is filter }}|{{ "odd" is test }}|{{ 1 is lessthan 2 }}"#, "True|True|False|True|True|True|True|True|True|True|True|True|True"),
    ]).await;
}

#[tokio::test]
async fn filters_give_what_they_give_in_jinja2() {
    assert_gives(&[
        ("{{ -3|abs }}|{{ (-3)|abs }}|{{ (-1.5)|abs }}", "3|3|1.5"),
        (r#"{{ "hello WORLD foo-bar (baz) it's"|title }}|{{ "hELLO"|capitalize }}|{{ "aB"|upper }}|{{ "aB"|lower }}"#, "Hello World Foo-Bar (Baz) It&#39;s|Hello|AB|ab"),
        (r#"{{ "  x "|trim }}|{{ "xxaxx"|trim("x") }}|{{ "abc"|length }}|{{ [1, 2]|count }}|{{ {"a": 1}|length }}"#, "x|a|3|2|1"),
        (r#"{{ "x"|center(9) }}|{{ "ab"|center(5) }}|{{ "abc"|center(8) }}."#, "    x    |  ab |  abc   ."),
        (r#"{{ nothing|default("d") }}|{{ ""|default("d") }}|{{ ""|default("d", true) }}|{{ none|d("x") }}|{{ none|d("x", boolean=true) }}|{{ nothing|default }}|{{ nothing|default(default_value="k") }}"#, "d||d|None|x||k"),
        (r#"{{ [1, 2, 3]|join }}|{{ [1, 2]|join(", ") }}|{{ chats|join(", ", attribute="id") }}|{{ [1,2]|join(d="-") }}"#, "123|1, 2|3, 2|1-2"),
        (r#"{{ "aXbXc"|replace("X", "-") }}|{{ "aXbXc"|replace("X", "-", 1) }}|{{ "aXb"|replace(old="X", new="y") }}"#, "a-b-c|a-bXc|ayb"),
        (r#"{{ [1, 2, 3]|first }}|{{ [1, 2, 3]|last }}|{{ "abc"|first }}|{{ [3, 1, 2]|min }}|{{ [3, 1, 2]|max }}|{{ []|first }}|{{ ["b", "A"]|min }}"#, "1|3|a|1|3||A"),
        (r#"{{ [3, 1, 2]|sort }}|{{ [3, 1]|sort(reverse=true) }}|{{ ["b", "A", "c"]|sort }}|{{ ["b", "A"]|sort(case_sensitive=true) }}|{{ chats|sort(attribute="id")|map(attribute="id")|list }}|{{ [3,1]|sort(true) }}"#, "[1, 2, 3]|[3, 1]|[&#39;A&#39;, &#39;b&#39;, &#39;c&#39;]|[&#39;A&#39;, &#39;b&#39;]|[2, 3]|[3, 1]"),
        (r#"{{ [1, 2, 1, 3]|unique|list }}|{{ ["a", "A"]|unique|list }}|{{ ["a", "A"]|unique(true)|list }}|{{ [1, 2, 3]|reverse|list }}|{{ "abc"|reverse }}"#, "[1, 2, 3]|[&#39;a&#39;]|[&#39;a&#39;, &#39;A&#39;]|[3, 2, 1]|cba"),
        (r#"{{ [1, 2, 3]|sum }}|{{ chats|sum(attribute="id") }}|{{ [1, 2]|sum(start=10) }}|{{ []|sum }}"#, "6|5|13|0"),
        (r#"{{ ["a", "b"]|map("upper")|list }}|{{ chats|map(attribute="username")|list|length }}|{{ [{"a": 1}, {}]|map(attribute="a", default=0)|list }}|{{ ["a"]|map("replace", "a", "b")|join }}"#, "[&#39;A&#39;, &#39;B&#39;]|2|[1, 0]|b"),
        (r#"{{ [1, 2, 3, 4]|select("odd")|list }}|{{ [1, 2, 3, 4]|reject("odd")|list }}|{{ [0, 1, ""]|select|list }}|{{ [1, 2, 3]|select("gt", 1)|list }}|{{ [1, 2, 5]|select("in", [1, 5])|list }}"#, "[1, 3]|[2, 4]|[1]|[2, 3]|[1, 5]"),
        (r#"{{ [{"a": 1, "b": 1}, {"a": 0, "b": 2}]|selectattr("a")|map(attribute="b")|list }}|{{ [{"a": 1}, {"a": 2}]|selectattr("a", "equalto", 2)|list }}|{{ [{"a": 1}, {"a": 0}]|rejectattr("a")|list }}|{{ [{"a": 1}, {"a": 2}]|rejectattr("a", "==", 2)|list }}"#, "[1]|[{&#39;a&#39;: 2}]|[{&#39;a&#39;: 0}]|[{&#39;a&#39;: 1}]"),
        (r#"{{ {"b": 1, "A": 2, "c": 0}|dictsort }}|{{ {"b": 1, "a": 2}|dictsort(by="value") }}|{{ {"b": 1, "a": 2}|dictsort(reverse=true) }}|{{ {"b": 1, "A": 2}|dictsort(true) }}|{{ {"b": 1, "a": 2}|dictsort(false, "value") }}"#, "[(&#39;A&#39;, 2), (&#39;b&#39;, 1), (&#39;c&#39;, 0)]|[(&#39;b&#39;, 1), (&#39;a&#39;, 2)]|[(&#39;b&#39;, 1), (&#39;a&#39;, 2)]|[(&#39;A&#39;, 2), (&#39;b&#39;, 1)]|[(&#39;b&#39;, 1), (&#39;a&#39;, 2)]"),
        (r#"{% for k, v in {"b": 1, "a": 2}|items %}{{ k }}{{ v }}{% endfor %}|{% for k, v in {"z": 1, "a": 2}.items() %}{{ k }}{{ v }}{% endfor %}"#, "b1a2|z1a2"),
        (r#"{% for row in [1, 2, 3, 4, 5]|batch(2, "-") %}{{ row }}{% endfor %}|{{ [1, 2, 3]|batch(2)|list }}|{{ [1, 2, 3]|batch(linecount=2, fill_with=0)|list }}"#, "[1, 2][3, 4][5, &#39;-&#39;]|[[1, 2], [3]]|[[1, 2], [3, 0]]"),
        (r#"{% for column in [1, 2, 3, 4, 5]|slice(3) %}{{ column }}{% endfor %}|{{ [1, 2, 3, 4]|slice(3, "x")|list }}"#, "[1, 2][3, 4][5]|[[1, 2], [3, &#39;x&#39;], [4, &#39;x&#39;]]"),
        (r#"{% for g in [{"c": "x", "n": 1}, {"c": "y", "n": 2}, {"c": "x", "n": 3}]|groupby("c") %}{{ g.grouper }}:{{ g.list|length }};{% endfor %}{% for c, items in [{"c": 2}, {"c": 1}]|groupby("c") %}{{ c }}{{ items|length }}{% endfor %}"#, "x:2;y:1;1121"),
        (r#"{{ "42"|int }}|{{ "x"|int }}|{{ "x"|int(7) }}|{{ 3.9|int }}|{{ "3.9"|int }}|{{ "0x1A"|int(base=16) }}|{{ "12"|int(default=3) }}|{{ none|int }}|{{ "-5"|int }}"#, "42|0|7|3|3|26|12|0|-5"),
        (r#"{{ "1.5"|float }}|{{ "x"|float }}|{{ "x"|float(2.5) }}|{{ 3|float }}|{{ "1e3"|float }}"#, "1.5|0.0|2.5|3.0|1000.0"),
        (r#"{{ 2.5|round }}|{{ 3.5|round }}|{{ 2.567|round(2) }}|{{ 2.1|round(method="ceil") }}|{{ 2.9|round(0, "floor") }}|{{ 42|round }}|{{ 2.675|round(2) }}|{{ 1234|round(-2) }}|{{ 2.567|round(precision=1) }}|{{ 0.1|round(99999) }}"#, "2.0|4.0|2.57|3.0|2.0|42|2.67|1200|2.6|0.1"),
        (r#"{{ 1|filesizeformat }}|{{ 999|filesizeformat }}|{{ 1000|filesizeformat }}|{{ 1500000|filesizeformat }}|{{ 1500|filesizeformat(true) }}|{{ 0|filesizeformat }}|{{ "13000"|filesizeformat }}|{{ 1048576|filesizeformat(binary=true) }}"#, "1 Byte|999 Bytes|1.0 kB|1.5 MB|1.5 KiB|0 Bytes|13.0 kB|1.0 MiB"),
        (r#"{{ "The quick brown fox jumps over"|truncate(15) }}|{{ "The quick brown fox jumps over"|truncate(15, true) }}|{{ "The quick brown fox"|truncate(15, false, "!") }}|{{ "short"|truncate(3) }}|{{ "The quick brown fox"|truncate(length=10, leeway=0) }}|{{ "foo bar baz"|truncate(9, True, '…', 0) }}"#, "The quick...|The quick br...|The quick brown fox|short|The...|foo bar …"),
        (r#"{{ "one two, three"|wordcount }}|{{ "a b c d e f g"|wordwrap(5) }}|{{ "abcdefghij"|wordwrap(4) }}|{{ "one two"|wordwrap(width=3, wrapstring="/") }}"#, "3|a b c\nd e f\ng|abcd\nefgh\nij|one/two"),
        (r#"{{ "a\nb\n\nc"|indent }}|{{ "a\nb"|indent(2, true) }}|{{ "a\n\nb"|indent(2, first=true, blank=true) }}|{{ "a\nb"|indent("> ") }}|{{ "a\nb"|indent(width=2) }}"#, "a\n    b\n\n    c|  a\n  b|  a\n  \n  b|a\n&gt; b|a\n  b"),
        (r#"{{ {"b": [1, 2.5, none, true], "a": "</script>&'é\n😀"}|tojson }}|{{ "x"|tojson }}|{{ [1, {"z": 1, "y": ()}]|tojson }}|{{ 1e20|tojson }}|{{ chats|tojson }}"#, r#"{"a": "\u003c/script\u003e\u0026\u0027\u00e9\n\ud83d\ude00", "b": [1, 2.5, null, true]}|"x"|[1, {"y": [], "z": 1}]|1e+20|[{"id": 3, "new_message_count": 0, "username": "Cyd"}, {"id": 2, "new_message_count": 0, "username": "o\u0027brien \u003cb\u003e"}]"#),
        (r#"<script>const user = {{ session["username"]|tojson }}; const ids = {{ chats|map(attribute="id")|list|tojson }};</script>"#, r#"<script>const user = "ann"; const ids = [3, 2];</script>"#),
        (r#"<pre>{{ {"b": [1, 2], "a": {}}|tojson(indent=2) }}</pre>"#, "<pre>{\n  \"a\": {},\n  \"b\": [\n    1,\n    2\n  ]\n}</pre>"),
        (r#"{{ "%s and %s"|format("a", 2) }}|{{ "%(n)s"|format(n="x") }}|{{ "%.2f"|format(3.14159) }}|{{ "{} {}".format(1, "a") }}|{{ "{0}-{1}-{0}".format("a", "b") }}|{{ "{:>5}|{:.1f}".format("x", 2.55) }}|{{ "{n}".format(n=3) }}|{{ "{:,}".format(1234567) }}|{{ "{:05d}".format(42) }}"#, "a and 2|x|3.14|1 a|a-b-a|    x|2.5|3|1,234,567|00042"),
        (r#"{{ [1, 2]|list }}|{{ "abc"|list }}|{{ {"a": 1}|list }}|{{ chats }}|{{ chats[1].items()|list }}"#, "[1, 2]|[&#39;a&#39;, &#39;b&#39;, &#39;c&#39;]|[&#39;a&#39;]|[{&#39;id&#39;: 3, &#39;username&#39;: &#39;Cyd&#39;, &#39;new_message_count&#39;: 0}, {&#39;id&#39;: 2, &#39;username&#39;: &#34;o&#39;brien &lt;b&gt;&#34;, &#39;new_message_count&#39;: 0}]|[(&#39;id&#39;, 2), (&#39;username&#39;, &#34;o&#39;brien &lt;b&gt;&#34;), (&#39;new_message_count&#39;, 0)]"),
        (r#"{{ "a b"|urlencode }}|{{ 5|urlencode }}|{{ [1,2,3]|random in [1,2,3] }}|{{ [1]|random }}|{{ {"a":1}|pprint }}"#, "a%20b|5|True|1|{&#39;a&#39;: 1}"),
        ("{{ lipsum(n=1, html=false)|length > 10 }}", "True"),
    ]).await;
}

#[tokio::test]
async fn the_methods_of_python_are_there() {
    assert_gives(&[
        (r#"{{ "Hello".startswith("He") }}|{{ "Hello".endswith(("x", "lo")) }}|{{ "a,b,c".split(",") }}|{{ " a  b ".split() }}|{{ "a,b,c".split(",", 1) }}|{{ "a-b-c".rsplit("-", 1) }}"#, "True|True|[&#39;a&#39;, &#39;b&#39;, &#39;c&#39;]|[&#39;a&#39;, &#39;b&#39;]|[&#39;a&#39;, &#39;b,c&#39;]|[&#39;a-b&#39;, &#39;c&#39;]"),
        (r#"{{ " x ".strip() }}|{{ "xxax".strip("x") }}|{{ "xa".lstrip("x") }}|{{ "ax".rstrip("x") }}|{{ ", ".join(["a", "b"]) }}|{{ "abc".replace("b", "x") }}"#, "x|a|a|a|a, b|axc"),
        (r#"{{ "abc".upper() }}|{{ "ABC".lower() }}|{{ "abc def".title() }}|{{ "abc".capitalize() }}|{{ "aBc".swapcase() }}|{{ "ab".center(6) }}|{{ "ab".ljust(4, ".") }}|{{ "ab".rjust(4) }}|{{ "7".zfill(3) }}|{{ "-7".zfill(4) }}"#, "ABC|abc|Abc Def|Abc|AbC|  ab  |ab..|  ab|007|-007"),
        (r#"{{ "abcabc".find("c") }}|{{ "abc".find("z") }}|{{ "abcabc".rfind("c") }}|{{ "abcabc".count("b") }}|{{ "abc".index("c") }}|{{ "12".isdigit() }}|{{ "ab".isalpha() }}|{{ "a1".isalnum() }}|{{ " ".isspace() }}|{{ "Ab".istitle() }}"#, "2|-1|5|2|2|True|True|True|True|True"),
        (r#"{{ "a=b=c".partition("=") }}|{{ "a=b=c".rpartition("=") }}|{{ "abc".partition("=") }}|{{ "prefix-x".removeprefix("prefix-") }}|{{ "a.js".removesuffix(".js") }}|{{ "a\nb".splitlines() }}"#, "(&#39;a&#39;, &#39;=&#39;, &#39;b=c&#39;)|(&#39;a=b&#39;, &#39;=&#39;, &#39;c&#39;)|(&#39;abc&#39;, &#39;&#39;, &#39;&#39;)|x|a|[&#39;a&#39;, &#39;b&#39;]"),
        (r#"{{ {"a": 1}.get("a") }}|{{ {"a": 1}.get("b") }}|{{ {"a": 1}.get("b", 2) }}|{{ {"a": 1, "b": 2}.keys()|list }}|{{ {"a": 1}.values()|list }}|{% for k, v in {"a": 1}.items() %}{{ k }}={{ v }}{% endfor %}|{{ {"a": 1}.items()|list }}|{{ {"a": 1, "b": 2}.items()|length }}"#, "1|None|2|[&#39;a&#39;, &#39;b&#39;]|[1]|a=1|[(&#39;a&#39;, 1)]|2"),
        ("{{ [1, 2, 1].count(1) }}|{{ [1, 2].index(2) }}", "2|1"),
        (r#"{{ chats[0].username.lower() }}|{{ chats|length }}|{{ chats[0]["username"][0]|upper }}|{{ chats[0].username[:1].upper() }}"#, "cyd|2|C|C"),
    ]).await;
}

#[tokio::test]
async fn statements_do_what_they_do_in_jinja2() {
    assert_gives(&[
        (r#"{% for x in [1, 2, 3] %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.cycle("a", "b") }}{{ loop.depth }};{% endfor %}"#, "1032TrueFalse3a1;2121FalseFalse3b1;3210FalseTrue3a1;"),
        ("{% for x in [1, 1, 2] %}{{ loop.changed(x) }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}", "True1;False12;True1;"),
        ("{% for x in [1, 2, 3, 4] if x is even %}{{ x }}{{ loop.index }}{% endfor %}|{% for x in [] %}a{% else %}b{% endfor %}", "2142|b"),
        ("{% for x in [1, [2, [3]]] recursive %}{% if x is iterable %}[{{ loop(x) }}]{% else %}{{ x }}{% endif %}{% endfor %}", "1[2[3]]"),
        (r#"{% for a, b in [(1, 2), (3, 4)] %}{{ a + b }}{% endfor %}|{% for k in {"x": 1} %}{{ k }}{% endfor %}|{% for c in "abc" %}{{ c }}.{% endfor %}"#, "37|x|a.b.c."),
        ("{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{% endfor %}{{ x }}|{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "1|3"),
        ("{% set a, b = 1, 2 %}{{ a }}{{ b }}|{% set c = (1, 2) %}{{ c }}|{% set d %}x{{ a }}{% endset %}{{ d }}|{% set e | upper %}abc{% endset %}{{ e }}", "12|(1, 2)|x1|ABC"),
        ("{% if false %}a{% elif true %}b{% else %}c{% endif %}|{% if not false and (1 or 0) %}d{% endif %}|{% if 1 is not none %}e{% endif %}", "b|d|e"),
        ("{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}|{% with %}{% set z = 5 %}{{ z }}{% endwith %}", "3|5"),
        (r#"{% raw %}{{ x }}{% y %}{# z #}{% endraw %}|{# comment #}|{{ "{{" }}"#, "{{ x }}{% y %}{# z #}||{{"),
        (r#"{% macro field(name, type="text", value="") -%}<input name="{{ name }}" type="{{ type }}" value="{{ value }}">{%- endmacro %}{{ field("a") }}{{ field("b", type="password") }}{{ field("c", "x", "<") }}"#, r#"<input name="a" type="text" value=""><input name="b" type="password" value=""><input name="c" type="x" value="&lt;">"#),
        ("{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m.name }}|{{ m() }}|{{ m(1) }}", "m|2|12"),
        ("{% macro box() %}<div>{{ caller() }}</div>{% endmacro %}{% call box() %}in{% endcall %}|{% macro each(xs) %}{% for x in xs %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(x) each([1, 2]) %}<{{ x }}>{% endcall %}", "<div>in</div>|<1><2>"),
        (r#"{% set items = ["a"] %}{% for item in items %}{{ item }}{% if not loop.last %}, {% endif %}{% endfor %}"#, "a"),
        (r#"{% filter replace("a", "b") %}banana{% endfilter %}|{% filter upper|trim %} x {% endfilter %}"#, "bbnbnb|X"),
        (r#"{% set c = cycler("odd", "even") %}{{ c.next() }}{{ c.next() }}|{% set j = joiner(", ") %}{{ j() }}a{{ j() }}b"#, "oddeven|a, b"),
        (r#"{% set x = [1, 2, 3] %}{{ x|length }}{{ x[0] }}{{ x.0 }}|{% set y = {"a": {"b": 1}} %}{{ y.a.b }}{{ y["a"]["b"] }}{{ y.a["b"] }}"#, "311|111"),
        ("{% block a %}A{% endblock %}{{ self.a() }}|{% block b scoped %}B{% endblock b %}", "AA|B"),
        (r#"{{ [1,2,3]|map("string")|join("-") if true }}|{{ (1, 2)|sum }}|{{ not (true and false) }}"#, "1-2-3|3|True"),
        (r#"{% for n in range(3) %}{% if loop.first %}<ul>{% endif %}<li class="{{ loop.cycle('odd', 'even') }}">{{ n }}</li>{% if loop.last %}</ul>{% endif %}{% endfor %}"#, r#"<ul><li class="odd">0</li><li class="even">1</li><li class="odd">2</li></ul>"#),
        (r#"{% set greeting = "Hi " ~ session["username"] %}{{ greeting }}|{{ "x" ~ nothing ~ "y" }}|{{ nothing|upper }}|{{ nothing|length }}|{{ nothing|list }}"#, "Hi ann|xy||0|[]"),
    ]).await;
}

#[tokio::test]
async fn white_space_stays_where_flask_leaves_it() {
    assert_gives(&[
        ("a\n{% if true %}\nb\n{% endif %}\nc\n", "a\n\nb\n\nc"),
        ("a\n  {% if true %}  \n  b\n  {% endif %}\n\n", "a\n    \n  b\n  \n"),
        (
            "<ul>\n{%- for x in [1, 2] %}\n  <li>{{ x }}</li>\n{%- endfor %}\n</ul>\n",
            "<ul>\n  <li>1</li>\n  <li>2</li>\n</ul>",
        ),
        ("a  {{- 1 -}}  b {#- c -#} d\n", "a1bd"),
        ("a\n{%- set x = 1 -%}\nb\n{%+ if true %} c{% endif %}", "ab\n c"),
        ("{# a\ncomment #}\nx\n\n", "\nx\n"),
        ("a\r\nb\r\n{{ 'x\ny' }}", "a\nb\nx\ny"),
        ("{{\n  1 +\n  2\n}}\n{{ {\n'a': 1,\n} }}\n{{ [1, 2,] }}", "3\n{&#39;a&#39;: 1}\n[1, 2]"),
        ("{% raw -%}  \n {{ x }} {%- endraw %}", "{{ x }}"),
        ("\n\nx", "\n\nx"),
        ("é 😀 &amp; {{ 'é 😀' }} {{ 'é😀'|length }}", "é 😀 &amp; é 😀 2"),
    ])
    .await;
}

#[tokio::test]
async fn templates_extend_include_and_import_each_other() {
    let page = Page::new().await;
    let files = [
        (
            "base.html",
            "<title>{% block title %}Base{% endblock %}</title>\n{% block main %}base main{% endblock %}\n{% block foot %}{% block inner %}i{% endblock %}{% endblock %}\n",
        ),
        (
            "chats.html",
            "{% extends 'base.html' %}\nignored {{ 1 }}\n{% set page = 'chats' %}\n{% block title %}{{ super() }}: {{ page }}{% endblock %}\n{% block main %}\n  {% for chat in chats %}{{ loop.index }}{% endfor %}\n{% endblock %}\n{% block inner %}[{{ super() }}]{% endblock %}\n",
        ),
    ];
    assert_eq!(page.draw(&files).await, "<title>Base: chats</title>\n\n  12\n\n[i]");
    let page = Page::new().await;
    let files = [
        ("base.html", "{% block a %}1{% endblock %}"),
        ("middle.html", "{% extends 'base.html' %}{% block a %}2{{ super() }}{% endblock %}"),
        ("chats.html", "{% extends 'middle.html' %}{% block a %}3{{ super() }}{% endblock %}"),
    ];
    assert_eq!(page.draw(&files).await, "321");
    let page = Page::new().await;
    let files = [
        ("_row.html", "<li>{{ chat.username }}</li>\n"),
        (
            "chats.html",
            "{% for chat in chats %}{% include '_row.html' %}{% endfor %}|{% include 'none.html' ignore missing %}|{% set chat = chats[0] %}{% include ['none.html', '_row.html'] ignore missing %}",
        ),
    ];
    assert_eq!(page.draw(&files).await, "<li>Cyd</li><li>o&#39;brien &lt;b&gt;</li>||<li>Cyd</li>");
    let page = Page::new().await;
    let files = [
        (
            "macros.html",
            "{% macro field(name, label=none) %}<label>{{ label or name }}</label><input name=\"{{ name }}\">{% endmacro %}\n{% macro who() %}{{ session['username'] }}{{ request.path }}{{ url_for('find') }}{% endmacro %}\n{% set colour = 'red' %}{% set _hidden = 1 %}",
        ),
        (
            "chats.html",
            "{% import 'macros.html' as forms %}{% from 'macros.html' import field, who as me, colour %}{{ forms.field('a') }}|{{ field('b', label='<B>') }}|{{ me() }}|{{ colour }}|{{ forms.colour }}",
        ),
    ];
    assert_eq!(
        page.draw(&files).await,
        r#"<label>a</label><input name="a">|<label>&lt;B&gt;</label><input name="b">|ann/chats/find|red|red"#
    );
    let page = Page::new().await;
    let files = [
        ("m.html", "{% macro m() %}{{ x }}{{ chats|length }}{% endmacro %}"),
        (
            "chats.html",
            "{% set x = 5 %}{% from 'm.html' import m with context %}{{ m() }}|{% import 'm.html' as n %}",
        ),
    ];
    assert_eq!(page.draw(&files).await, "52|");
    let page = Page::new().await;
    let files = [
        ("part.html", "{{ x }}{% set x = 9 %}"),
        ("chats.html", "{% set x = 1 %}{% include 'part.html' %}"),
    ];
    assert_eq!(page.draw(&files).await, "1");
    let page = Page::new().await;
    let files = [
        ("a.html", "A{% block x %}a{% endblock %}"),
        ("b.html", "B{% block x %}b{% endblock %}"),
        (
            "chats.html",
            "{% extends 'b.html' if chats else 'a.html' %}{% block x %}{{ super() }}{% endblock %}",
        ),
    ];
    assert_eq!(page.draw(&files).await, "Bb");
    let page = Page::new().await;
    let files = [
        ("t.txt", "{{ '<' }}"),
        ("s.xml", "{{ '<' }}"),
        ("v.svg", "{{ '<' }}"),
        ("j.js", "{{ '<' }}{{ 'a'|tojson }}"),
        (
            "chats.html",
            "{% include 't.txt' %}{% include 's.xml' %}{% include 'v.svg' %}{% include 'j.js' %}",
        ),
    ];
    assert_eq!(page.draw(&files).await, r#"<&lt;&lt;<"a""#);
    let page = Page::new().await;
    let files = [
        ("sub/deep.html", "deep{% include 'sub/more.html' %}"),
        ("sub/more.html", "more"),
        ("chats.html", "{% include 'sub/deep.html' %}"),
    ];
    assert_eq!(page.draw(&files).await, "deepmore");
    let page = Page::new().await;
    let files = [
        (
            "base.html",
            "{% for chat in chats %}{% block row scoped %}{{ chat.id }}{% endblock %},{% endfor %}",
        ),
        ("chats.html", "{% extends 'base.html' %}{% block row %}<{{ chat.id }}>{% endblock %}"),
    ];
    assert_eq!(page.draw(&files).await, "<3>,<2>,");
}
