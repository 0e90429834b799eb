from django.db import migrations

from dibs.people.tenancy import Isolate


class Migration(migrations.Migration):
    dependencies = [("crm", "0001_initial")]
    operations = [
        Isolate("crm_account"),
        Isolate("crm_contact"),
        Isolate("crm_lead"),
    ]
