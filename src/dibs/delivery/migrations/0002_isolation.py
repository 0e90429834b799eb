from django.db import migrations

from dibs.people.tenancy import Isolate


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]
    operations = [
        # Followers read the outbox in this order; the database numbers the rows.
        migrations.RunSQL(
            [
                "CREATE SEQUENCE delivery_outbox_seq OWNED BY delivery_outbox.seq",
                "ALTER TABLE delivery_outbox ALTER COLUMN seq SET DEFAULT nextval('delivery_outbox_seq')",
            ],
            ["ALTER TABLE delivery_outbox ALTER COLUMN seq DROP DEFAULT", "DROP SEQUENCE delivery_outbox_seq"],
        ),
        Isolate("delivery_outbox"),
        Isolate("delivery_notice"),
        Isolate("delivery_mail"),
    ]
