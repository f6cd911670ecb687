/// Words by which crawlers, tools and previews give themselves away in a User-Agent, in lower case; a list of our own.
///
/// Left out on purpose: words of browsers inside apps (`naver`, `instagram`, `line`), where people click, and of the plain
/// HTTP libraries of mobile apps (`okhttp`, `cfnetwork`, `dalvik`), with which a shop's own app may record a click.
enum BotTokens {
    static let all: [String] = text.split(separator: "|").map(String.init)

    /// What looks like a token and is not: a maker of phones.
    static let harmless = ["cubot"]

    private static let text = """
        -agent|-search/|360spider|acoon|acunetix|adbeat|adidxbot|admantx|adscanner|adsense|agent (|agent)|agent/|\
        ahc/|ahrefs|ai2bot|aiohttp|akamai-|akkoma|alexa|alibaba.security|always online|amazon cloudfront|amazon-|\
        amazonbot|analys|analyz|anthropic|anyevent|apache-http|apachebench|api client|apiflash|apis-google|\
        appinsights|arachni|archive-it|archive.org|archiver|ask jeeves|askjeeves|async-http|attracta|audit|awario|\
        aws security|axios/|backlink|bard-ai|barkrowler|better stack|binaryedge|binglocal|bingpreview|binlar|bit.ly|\
        bitdiscovery|bitly|blackbox exporter|blazemeter|blexb|blogger|blogtrottr|bluesky/|bookmark|bot|brandwat|\
        brightedge|brokenlink|browserless|bufferbot|builtwith|burp|buzzstream|buzzsumo|bytespider|calibre|\
        captain-hook|cardyb|casperjs|catchpoint|ccbot|cdn77|cdnify|censys|cert checker|certificate|changedetection|\
        chatgpt|check/|check_http|checker|checkly|chrome-lighthouse|classifier|claude|cloudflare radar|cloudflare-|\
        coccoc/1|cohere-ai|collection@|collector|commons-http|comscore|cookiebot|cookiehub|cookiescan|copyright|\
        copyscape|crawl|criticalcss|cron-job|curl|cutycapt|cypress|dareboost|dart/|dart:io|datadog|dataprovider|\
        daum/|daumoa|davclnt|deadlink|deepcrawl|deepseek|detectify|determ|diffbot|dirbuster|distill.io|dnspod|\
        dnsresearch|domain whois|domaincrawl|domainstats|domaintools|dotbot|doubleverify|download|downnotifier|\
        drupal (|drupal/|duckassist|dynatrace|easycron|elb-health|electron-crawl|embedly|entireweb|evaluat|exabot|\
        exalead|expanse|extractor|facebookcatalog|facebookexternalhit|facebookplatform|factset|faraday|\
        fast enterprise|fast-web|fastmail|favicon|feed parser|feedbin|feedburner|feedfetcher|feedly|feedparser|\
        feedreader|feedspot|feedvalid|feign|fetch|ffuf|findx|flipboardproxy|followthatpage|freshping|friendica|\
        gatling|gemini-deep|ghost inspector|gigablast|go http|go-http-client|gobuster|golang|goo-crawl|\
        google favicon|google web|google-adwords|google-cloudvertex|google-extended|google-inspectiontool|\
        google-notebooklm|google-read-aloud|google-safety|google-site|google-structured|google-translate|\
        google-xrawler|googleassociation|googlehc|googleimageproxy|googleother|googleproducer|gptbot|grabber|\
        grapeshot|grub-client|gsoap|gtmetrix|guzzle|hardenize|harvest|hatena|headless|health check|healthcheck|\
        hello world|heritrix|hetrix|hootsuite|htmlunit|http client/|http-client|http://|http::tiny|http_client|\
        http_get|http_request|httpclient|httpie|httprequest|https://|httpx/|httrack|hubbub|hydrozen|hyper/|\
        hyperspin|ia_archiver|ias crawler|ias-va|ias_|ichiro|icinga|iframely|ifttt|img2dataset|impact.com|indexer|\
        indexing|indy library|infegy|infoseek|inoreader|insomnia|inspect|instapaper|integralads|\
        internet measurement|internet-measurement|isahc/|ithenticate|jakarta|java-|java/|jersey/|jetpack|jmeter|\
        joomla/|jsdom|k6.io|kakaostory-og|kakaotalk-scrap|kangaroo|klaviyo|kube-probe|larbin|leakix|legalmonster|\
        lemmy/|libcurl|libwww|lighthouse|line-poker|link check|linkcheck|linkdex|linkfinder|linklint|linkwalker|\
        loader.io|loadrunner|locust|lua-resty-http|lumar|lwp-|lwp/|lwp::|lycos_|magento/|magpierss|mailchimp|\
        majestic|managewp|manus-user|masscan|mastodon/|mechanicalsoup|mechanize|mediapartners-google|megaindex|\
        meltwater|mention/|meta-external|metadata|metainspector|metauri|miniature.io|miniflux|mirror|misskey|\
        mistralai|mj12|moatbot|mojeek|mojolicious|monitor|moreover|moz.com|msnbot|msxml|n8n|nagios|naverbookmark|\
        needle/|nessus|netbase|netcraft|netpeak|netsparker|netsystems|netty/|netvibes|new relic|newrelic|newsblur|\
        newsdesk|newsgator|newsnow/|newspaper/|nextcloud|nginx-ssl|nielsen|nightmarejs|nikto|nmap|node-fetch|\
        node.js|node/|nodeping|nuclei|nutch|nuzzel|oembed|offline|okhttp-crawl|omgili|oncrawl|onetrust|onyphe|\
        open graph|openai|opengraph|openvas|optimizer|overcast/|owncloud|page speed|page2rss|pagepeeker|pagespeed|\
        paloalto|paw/|pcore-http|peer39|perl/|perplexity|petalsearch|phantomjs|php/|picscout|pingdom|pixalate|pixsy|\
        plagiar|playwright|pleroma|pocketparser|podcast|podimo|postman|postrank|powershell|preview|probe|\
        projectdiscovery|prometheus/|proximic|proxy|ptst/|pubsub|puppeteer|pycurl|python|qualys|quantcast|\
        quora link|qwantify|radian6|rb.gy|readability/|readable/|redditlink|requests/|reqwest|researchscan|\
        rest-client|restsharp|retriever|retrolist|riddler|rogerbot|rss|ruby/|ruxit|safeassign|salesforce.com|scan|\
        scooter|scope3|scrape|scraping|scrapy|screaming frog|screen service|screenshot|search engine|searchengine|\
        searcher|searchestate|searchmetrics|security scan|selenium|semrush|sendgrid|seo tool|seo-audit|seobility|\
        seokicks|seolizer|seoscanners|seozoom|serpstat|sfdc-callout|shodan|shrinktheweb|siege/|simplepie|sindup|\
        sistrix|site24x7|sitebulb|siteexplorer|siteimprove|siteliner|sitelock|sitesucker|skypeuripreview|slimerjs|\
        slurp|snap url|snapshot|soap/|soapui|sogou inst|sogou pic|sogou web|speedcurve|spider|sprinklr|sprout|\
        sqlmap|squid/|ssl labs|ssllabs|statuscake|storebot|sucuri|superagent|superfeedr|surdotly|synapse|synthetic|\
        talkwalker|telegraf|teleport|teoma|termly|theoldreader|thousandeyes|thumbnail|timpibot|tineye|tiny tiny rss|\
        tinyurl|toutiao|translate.google|trendiction|trendkite|trendsmap|trust services|tsung|tumblr/|turnitin|\
        twingly|typhoeus|typo3|ubermetrics|undici|unfurl|updown.io|uptime|uptrends|urlbox|urllib|urlwatch|\
        validation|validator|varnish|vegeta/|velenpublic|verifier|verify|versionista|vert.x|viber/|visualping|\
        vkshare|vulnerab|w3 total|w3af|w3c-|w3c_|wachete|wallabag|wappalyzer|watcher|wayback|web search|webcopier|\
        webdav|webdriver|webhook|webpagetest|webreaper|websauger|websearch|websnapr|webstripper|websub|webzip|wget|\
        whatcms|whatsapp/|wheresitup|winhttp|wininet|wise-guys|wkhtml|wordfence|wordpress.com|wordpress/|wotbox|\
        wp fastest|wp rocket|wp-cron|wpscan|wrk/|www-mechanize|www.|xenu|xml-rpc|xmlrpc|xovi|y!j-|yacy|\
        yahoocachesystem|yahooysm|yandexaccessibility|yandexadnet|yandexantivirus|yandexblogs|yandexcalendar|\
        yandexcatalog|yandexcombot|yandexdirect|yandexfavicons|yandeximages|yandexmarket|yandexmedia|yandexmetrika|\
        yandexnews|yandexontodb|yandexpagechecker|yandexrender|yandexscreenshot|yandexsitelinks|yandexturbo|\
        yandexuserproxy|yandexverticals|yandexvideo|yandexwebmaster|yeti/|youbot|zabbix|zapier|zend-http|zend_http|\
        zgrab|zombie.js|zyborg
        """
}
