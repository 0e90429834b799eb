from django.db import migrations

from dibs.people.tenancy import Isolate


class Migration(migrations.Migration):
    dependencies = [("intake", "0001_initial")]
    operations = [
        Isolate("intake_source"),
        Isolate("intake_rawpayload"),
        Isolate("intake_import"),
        Isolate("intake_importrefusal"),
        Isolate("intake_upload"),
        Isolate("intake_changed"),
        Isolate("intake_erasure"),
    ]
