from django.db import migrations

from dibs.people.tenancy import Isolate


class Migration(migrations.Migration):
    dependencies = [("crm", "0001_initial")]
    operations = [
        Isolate("crm_account"),
        Isolate("crm_contact"),
        Isolate("crm_lead"),
        Isolate("crm_helper"),
        Isolate("crm_touch"),
        Isolate("crm_nearmiss"),
        Isolate("crm_merge"),
        Isolate("crm_accountmark"),
        Isolate("crm_knownby"),
        Isolate("crm_campaign"),
        Isolate("crm_piece"),
        Isolate("crm_opportunity"),
        Isolate("crm_note"),
        Isolate("crm_activity"),
        Isolate("crm_appointment"),
        Isolate("crm_assessed"),
        Isolate("crm_sent"),
        Isolate("crm_donotcontact"),
    ]
