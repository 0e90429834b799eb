from django.db import migrations

# The column that is searched stays as it is written: compressed, each would first have to be unpacked.
#
# An index is read alone only where everybody sees all that a page of the table holds, and it is VACUUM that notes so. By default it
# comes when a fifth of the table has changed. A claim changes one page in which twenty leads stand: long before that, a search
# would have to look at most of the leads themselves, and take thrice as long.
_CHANGED = """
    ALTER TABLE crm_lead ALTER COLUMN lookup SET STORAGE PLAIN;
    ALTER TABLE crm_lead SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
"""
_AS_BEFORE = """
    ALTER TABLE crm_lead RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor);
    ALTER TABLE crm_lead ALTER COLUMN lookup SET STORAGE EXTENDED;
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0002_isolation")]
    operations = [migrations.RunSQL(_CHANGED, _AS_BEFORE)]
