"""What a line, an event or a state says outright, by general patterns: never the words of one system."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import re2

# In this order; a text may say several things. `said_refuses` and `said_times_out` speak of whom is called.
RULES: tuple[tuple[str, str], ...] = (
    ("said_oom", r"oom[-_ ]?kill|\boomkilled|out of memory|memory cgroup|outofmemory|java heap space"
                 r"|cannot allocate memory"
                 r"|memory limit exceeded|exit(?:ed|_| )?(?:with )?(?:exit )?(?:code)?[ =:]*137|std::bad_alloc"
                 r"|allocation failure|enomem"),
    ("said_image", r"imagepull|errimage|invalidimagename|failed to pull (?:and unpack )?image"
                   r"|manifest (?:for \S+ )?(?:unknown|not found)|pull access denied"
                   r"|back-?off pulling image|no matching manifest|toomanyrequests: .*pull"
                   r"|image can'?t be pulled|repository .* (?:does not exist|not found)"),
    ("said_no_room", r"insufficient (?:cpu|memory|ephemeral|pods|\S*gpu|resources|capacity|hugepages)"
                     r"|too many pods|insufficientinstancecapacity"
                     r"|no nodes? (?:with|has|have) enough|not enough (?:cpu|memory|capacity|resources)"
                     r"|outof(?:cpu|memory|pods)"),
    ("said_no_fit", r"(?:didn'?t|did not|doesn'?t|does not) match (?:pod'?s )?(?:node )?(?:selector|affinity"
                    r"|anti-?affinity)|untolerated taint"
                    r"|had taints? |volume node affinity conflict|didn'?t match pod (?:anti-)?affinity"
                    r"|topology spread constraints|node\(s\) had no available volume zone"),
    ("said_quota", r"exceeded quota|exceeds? (?:the )?quota|quotaexceeded|quota (?:has been )?exceeded"
                   r"|resourcequota .*(?:100%|exhausted|rejecting|limit)|limitexceeded"
                   r"|maximum (?:cpu|memory) usage per|service quota|vcpulimitexceeded|quota .*exhausted"),
    ("said_probe", r"(?:liveness|readiness|startup) probe (?:failed|errored|timed out)"
                   r"|failed (?:the )?(?:liveness|readiness|startup) probe|failed liveness|unhealthy: .*probe"),
    ("said_node", r"nodenotready|node\S* (?:status )?is now: nodenotready|nodelost|nodestatusunknown"
                  r"|kubelet (?:has )?stopped posting|node \S+ .*(?:is unresponsive|unreachable|not ready)"
                  r"|ready is unknown|networkunavailable is true|node\S* .*status now notready"
                  r"|kubelet is not responding|container runtime (?:is )?(?:down|not (?:ready|responding))"
                  r"|instance (?:status check|impair)"
                  r"|kubeletnotready|system is rebooting|taint\S* .*unreachable"),
    ("said_node_pressure", r"(?:memory|disk|pid)pressure is true|node(?:has|_has)?(?:insufficient"
                           r"|disk)(?:memory|pressure|pid)|nodehas(?:disk|memory|pid)pressure|evictionthresholdmet|freediskspacefailed|imagegcfailed"),
    ("said_evicted", r"\bevicted\b|evicting|node was low on resource|usage of .* exceeds the total limit"
                     r"|preempted|the pod was rejected"),
    ("said_dns", r"enotfound|eai_again|nxdomain|getaddrinfo|no such host|name or service not known"
                 r"|temporary failure in name resolution|could ?n[o']t resolve|could not resolve"
                 r"|unknownhost|servfail|unable to resolve|dns (?:lookup|resolution|query|error|timeout"
                 r"|failure)|failed to resolve|name resolution|lookup \S+ on \S+:53|host not found"),
    ("said_config", r"createcontainer(?:config)?error|runcontainererror|configmap \S+ not found"
                    r"|configmaps? \S+ (?:is )?(?:not found|forbidden)|secrets? \S+ not found"
                    r"|couldn'?t find key|invalid configuration"
                    r"|config(?:uration)? (?:\w+ )?(?:error|invalid|missing|failed)"
                    r"|missing (?:required )?(?:config|env|environment|setting|parameter|variable|property|key"
                    r"|option|secret)\w*|required (?:env|environment|config|setting)\S* .*(?:missing|not set"
                    r"|unset|empty)"
                    r"|(?:env(?:ironment)? var\w*|variable|setting|property|option) \S+ (?:is )?(?:not set"
                    r"|missing|unset|undefined|not defined|empty|required)"
                    r"|\b[A-Z][A-Z0-9]+_[A-Z0-9_]+ (?:is )?(?:not set|missing|unset|required|must be set)"
                    r"|unknown (?:field|option|flag|directive|property|setting)|(?:failed|unable|cannot"
                    r"|could not) (?:to )?(?:load|parse|read|decode|open) (?:the )?(?:config|settings"
                    r"|properties|\S+\.(?:ya?ml|conf|toml|ini|properties))"
                    r"|executable file not found|exec format error|no such file or directory.*(?:conf|config"
                    r"|entrypoint|exec)|starterror|invalid (?:value|port|url|dsn|connection string) (?:for|in"
                    r"|of)|bad configuration|misconfigur|container\S* has runasnonroot|yaml: (?:line|unmarshal)"
                    r"|placeholder .* could not be resolved"),
    ("said_mount", r"failedmount|failedattachvolume|mountvolume\.|unable to (?:attach or )?mount"
                   r"|multi-attach error|attachvolume\.|volume \S+ (?:not found|already (?:used|attached))"
                   r"|persistentvolumeclaim .*(?:pending|lost|not found)|failedbinding|provisioningfailed"
                   r"|failed to provision volume"),
    ("said_rollout", r"progressdeadlineexceeded|exceeded its progress deadline|rollout (?:is )?(?:stuck|stalled"
                     r"|blocked|failed|aborted)|has timed out progressing|progressing is false"),
    ("said_crash", r"crashloopbackoff|back-?off restarting failed|exit(?:ed"
                   r"|ing)?[ _](?:with )?(?:exit )?(?:code|status)[ =:]*(?:[2-9]|1\d?|2[0-4]\d)\b"
                   r"|exit code (?:[1-9]\d*)|crash ?loop|terminated: error|process exited unexpectedly"
                   r"|died unexpectedly|exit_code=(?:[1-9]\d*)|core dumped"),
    ("said_tls", r"certificate (?:has |is |was )?(?:expired|not yet valid|revoked|invalid|unknown)|x509"
                 r"|certificate verif|cert_|tls: |ssl(?:handshake|error|certproblem)|ssl routines"
                 r"|handshake fail|unknown authority|self[- ]signed certificate|pkix path"),
    ("said_auth", r"password authentication failed|authentication fail|access ?denied|permission denied"
                  r"|not authorized|unauthori[sz]ed|invalid (?:credentials|password|token|api key|api_key"
                  r"|access key|signature)|\b401\b|403 forbidden|forbidden: user|cannot (?:list|get|create"
                  r"|patch|update|delete|watch) resource"
                  r"|login failed|token (?:has )?expired|expired token|expiredtoken|noauth|wrongpass"
                  r"|role \S+ does not exist|signature ?(?:does ?not ?match|mismatch)|insufficient privileges"
                  r"|no pg_hba"),
    ("said_full", r"no space left|enospc|disk (?:is )?full|disk quota exceeded|read-only file ?system"
                  r"|storage[- ]full|ran out of (?:storage|disk|space)|out of (?:disk )?space"
                  r"|filesystem is (?:full|9\d%|100%)|allocated storage .*exhausted|could not extend file"
                  r"|low (?:free )?storage|insufficient storage|used 100%|write failed.*space"),
    ("said_pool", r"too many connections|remaining connection slots|max(?:imum)?[_ ]?connections"
                  r"|connection pool (?:is )?(?:exhausted|timeout|full|empty)|pool (?:is )?(?:exhausted|timeout"
                  r"|limit)|no (?:free|available|idle) connections?|unable to (?:acquire|obtain"
                  r"|get) (?:a )?(?:jdbc )?connection|could not (?:acquire|obtain|get) (?:a )?connection"
                  r"|too many open files|emfile|too many clients|max number of clients|queuepool limit"
                  r"|timeout waiting for (?:idle|free) (?:object|connection)|timed out .*(?:acquir|obtain"
                  r"|wait)\w* .*connection|thread pool (?:is )?(?:exhausted|full)"
                  r"|resource temporarily unavailable|unable to create (?:new )?(?:native )?thread"
                  r"|connection limit|connection slots|cannot assign requested address"),
    ("said_throttled", r"throttl|rate (?:limit|exceeded)|too many requests|\b429\b"
                       r"|provisionedthroughputexceeded|slowdown|requestlimitexceeded|burst balance"),
    ("said_lock", r"deadlock|lock wait timeout|could not obtain lock|lock timeout|waiting for (?:\w+ )?lock"
                  r"|serialization failure|lock contention|long[- ]running (?:query|transaction)|idle in transaction"),
    ("said_code", r"nullpointer|nullreference|\b(?:type|key|attribute|index|value|name|reference|range|syntax"
                  r"|zerodivision|assertion|runtime|illegalargument|illegalstate|indexoutofbounds|classcast|nosuchmethod|nosuchelement|unsupportedoperation|arithmetic|numberformat|concurrentmodification|import|modulenotfound|stackoverflow|noclassdeffound|classnotfound)(?:error|exception)\b"
                  r"|panic: |panicked at|segmentation fault|segfault|sigsegv|nil pointer|undefined is not"
                  r"|cannot read propert|is not a function|unhandled (?:exception|promise|rejection)"
                  r"|uncaught (?:exception|error)|stack overflow|division by zero|divide by zero"
                  r"|traceback \(most recent|assertion failed|method not found|index out of (?:range|bounds)"
                  r"|core dumped|bug:|no such method|goroutine \d+ \[running"),
    ("said_data", r"schema (?:mismatch|violation|validation)|(?:invalid|malformed|corrupt\w*|unexpected"
                  r"|bad) (?:json|payload|record|message|event|data|row|schema|column|checksum|page|block)"
                  r"|cannot deseriali[sz]e|deseriali[sz]ation (?:error|fail)|parse ?error|violates .*constraint"
                  r"|constraint violation|duplicate key|null value in column|data corruption"
                  r"|checksum (?:mismatch|error|fail)|(?:column|relation|table) \S+ does not exist"
                  r"|unknown column|no such (?:column|table)"
                  r"|validation (?:failed|error)|unexpected (?:null|field|type|token)|encoding error"
                  r"|invalid byte sequence|poison|dead[- ]letter|out of range value|incompatible schema"
                  r"|missing (?:column|field)|value too long"),
    ("said_failover", r"failover|fail[- ]over|promoted to (?:primary|master)|multi-az instance"
                  r"|primary (?:is )?(?:down|lost|unreachable)|leader (?:lost|changed|election)|split brain|no leader"),
    ("said_lag", r"replica(?:tion)? lag|replication (?:is )?(?:behind|delay|stopped|slot)|replica .*(?:behind"
                 r"|lagging)|consumer lag|wal (?:retention|lag|accumul)"),
    ("said_down", r"(?:instance|host|server|service|database|target|process|db) (?:\S+ )?(?:is )?(?:down"
                  r"|stopped|shut ?down|unreachable|terminated|crashed|restarted unexpectedly)\b"
                  r"|shutting down due to|has been terminated|process (?:was )?killed|stopped unexpectedly"
                  r"|lost heartbeat|availability: .*shutdown"),
    ("said_refuses", r"connection (?:was )?refused|econnrefused|no route to host|connection reset|econnreset"
                     r"|no healthy upstream|upstream connect error|unavailable|connect failed|failed to connect"
                     r"|cannot connect|could not connect|unable to connect|connection (?:closed|aborted|lost"
                     r"|failure)|broken pipe|no (?:endpoints|backends?) available|\b50[23]\b|bad gateway"
                     r"|network is unreachable|host is down"),
    ("said_times_out", r"timed? ?out|timeout|deadline ?exceeded|etimedout|\b504\b|took too long|context canceled"),
    ("said_upstream", r"upstream|downstream|dependency|circuit ?breaker|failed to (?:call|fetch|reach|get"
                      r"|charge|place|complete|query)|error calling|rpc error|remote (?:call|service)"
                      r"|retries exhausted|retry"),
)  # fmt: skip
# What ends: it is told that things are well again, or that it was meant.
RECOVERED = re.compile(
    r"recovered|resolved|restored|succe(?:ss|eded)|has since|no longer|retried|back to normal|now (?:ready"
    r"|running|healthy|available)|"
    r"self-?healed|auto-?rolled back|completed|cleared|transient",
    re.IGNORECASE,
)
PLANNED = re.compile(
    r"scaled down|graceful|terminating|rollout cleanup|drain(?:ed|ing)|scheduled maintenance|planned|by (?:user"
    r"|request)|cordon|scale[- ]down",
    re.I,
)
_NO_FAULT = re.compile(
    r"\b(?:no|0|zero|without|never) (?:errors?|failures?|timeouts?|restarts?|warnings?|issues?|anomal\w+)\b",
    re.I,
)
# Of which others a sentence speaks.
TARGET = re.compile(
    r"(?:connect(?:ing|ion)?(?: refused)? (?:to|with|for|from)|connect to|resolve(?: host)?|lookup|enotfound"
    r"|dial tcp(?: lookup)?|host|upstream|call(?:ing)?(?: to)?|"
    r"reach(?:ing)?|to service|from service|backend|server at|at|dependency|downstream|address|to|from|unavailable:?|eai_again)[\s:='\"]+(?:[a-z+]+://)?([a-z][\w.-]{2,80})(?::\d+)?",
    re.IGNORECASE,
)


HOST = re.compile(
    r"(?:https?|grpcs?|tcp)://([a-z][\w.-]+)|\b((?:[a-z0-9-]+\.)+(?:com|net|io|org|dev|cloud|co|app|ai))\b"
)


@lru_cache(maxsize=1)
def _compiled() -> tuple[re2._Regexp, tuple[tuple[str, re2._Regexp], ...]]:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = 1 << 27
    each = tuple((sign, re2.compile(pattern, options)) for sign, pattern in RULES)
    return re2.compile("|".join(f"(?:{pattern})" for _, pattern in RULES), options), each


@lru_cache(maxsize=32768)
def said(text: str) -> tuple[str, ...]:
    """The signs that a text states, in the order of the rules."""
    text = text[:1500].encode("utf-8", "replace").decode()
    if _NO_FAULT.search(text) and not re.search(r"error[s:]|fail", _NO_FAULT.sub("", text), re.I):
        return ()
    anything, each = _compiled()
    if anything.search(text) is None:
        return ()
    return tuple(sign for sign, rule in each if rule.search(text) is not None)


def targets(text: str) -> Iterator[str]:
    """Names of others that a sentence may speak of."""
    for found in HOST.finditer(text[:800]):
        yield found[1] or found[2]
    for found in TARGET.finditer(text[:800]):
        yield found[1].rstrip(".,:;)")
