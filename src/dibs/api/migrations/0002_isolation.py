from django.db import migrations

from dibs.people.tenancy import Isolate


class Migration(migrations.Migration):
    dependencies = [("api", "0001_initial")]
    operations = [Isolate("api_keyedwrite")]
