from django.db import migrations

from dibs.people.tenancy import Isolate


class Migration(migrations.Migration):
    dependencies = [("distribution", "0001_initial")]
    operations = [
        # A claim is one statement; where its parts disagree it must take none of them. Raising is how SQL says so.
        migrations.RunSQL(
            """
            CREATE FUNCTION distribution_stale() RETURNS boolean LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'facts changed since they were read' USING ERRCODE = 'DB409'; END $$
            """,
            "DROP FUNCTION distribution_stale()",
        ),
        Isolate("distribution_policyversion"),
        Isolate("distribution_rotation"),
        Isolate("distribution_standing"),
        Isolate("distribution_decision"),
        Isolate("distribution_passedover"),
        Isolate("distribution_repentry"),
        Isolate("distribution_credit"),
        Isolate("distribution_choice"),
        Isolate("distribution_poolsample"),
        Isolate("distribution_watched"),
        Isolate("distribution_result"),
        Isolate("distribution_move"),
        Isolate("distribution_moveitem"),
        Isolate("distribution_comparison"),
        Isolate("distribution_difference"),
        Isolate("distribution_scoremodel"),
    ]
