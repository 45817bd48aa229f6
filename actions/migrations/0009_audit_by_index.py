"""The audit log is searched by index: its words, each filter with the newest first, and what belongs to a request."""

from django.db import migrations, models

# Words are what is left between the marks of ASCII, so that `action.started` is found by `started`; only so much of the
# data as a text index takes for certain, or a big row could not be appended at all.
UP = r"""
CREATE FUNCTION actions_audit_words(actor text, verb text, target text, outcome text, data jsonb) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsvector('simple'::regconfig, translate(
        actor || ' ' || verb || ' ' || target || ' ' || outcome || ' ' || left(data::text, 20000),
        '._-:/@=,;''"{}[]()<>|\+*&%$#!?~^`', repeat(' ', 33)))
$$;
CREATE INDEX actions_audit_words ON actions_auditentry
    USING gin (actions_audit_words(actor, verb, target, outcome, data));
CREATE INDEX actions_audit_verb ON actions_auditentry (verb varchar_pattern_ops, seq DESC);
"""
DOWN = """
DROP INDEX actions_audit_verb;
DROP INDEX actions_audit_words;
DROP FUNCTION actions_audit_words(text, text, text, text, jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [("actions", "0008_revert_change")]

    operations = [
        migrations.AddIndex(
            "auditentry",
            models.Index(
                fields=["incident", "-seq"],
                condition=models.Q(("incident__isnull", False)),
                name="audit_by_incident",
            ),
        ),
        migrations.AddIndex(
            "auditentry",
            models.Index(
                fields=["request_id", "seq"],
                condition=models.Q(("request_id__isnull", False)),
                name="audit_by_request",
            ),
        ),
        migrations.AddIndex("auditentry", models.Index(fields=["actor", "-seq"], name="audit_by_actor")),
        migrations.AddIndex("auditentry", models.Index(fields=["target", "-seq"], name="audit_by_target")),
        migrations.AddIndex("auditentry", models.Index(fields=["at"], name="audit_by_time")),
        migrations.AddIndex(
            "actionrequest", models.Index(fields=["status", "requested_at"], name="requests_by_status")
        ),
        migrations.AddIndex(
            "actionrequest", models.Index(fields=["-requested_at"], name="requests_by_time")
        ),
        migrations.RunSQL(UP, DOWN),
    ]
