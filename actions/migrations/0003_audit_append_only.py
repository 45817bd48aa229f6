"""The database itself refuses to change or delete an audit row."""

from django.db import migrations

UP = """
CREATE FUNCTION actions_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON actions_auditentry
    FOR EACH ROW EXECUTE FUNCTION actions_audit_refuse();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON actions_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION actions_audit_refuse();
ALTER TABLE actions_auditentry ENABLE ALWAYS TRIGGER audit_no_change;
ALTER TABLE actions_auditentry ENABLE ALWAYS TRIGGER audit_no_truncate;
"""
DOWN = """
DROP TRIGGER audit_no_truncate ON actions_auditentry;
DROP TRIGGER audit_no_change ON actions_auditentry;
DROP FUNCTION actions_audit_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("actions", "0002_gate")]
    operations = [migrations.RunSQL(UP, DOWN)]
