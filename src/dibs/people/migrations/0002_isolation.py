from django.db import migrations

from dibs.people.tenancy import Isolate


class Migration(migrations.Migration):
    dependencies = [("people", "0001_initial")]
    operations = [
        Isolate("people_team"),
        Isolate("people_rep"),
        Isolate("people_membership"),
        Isolate("people_management"),
        Isolate("people_timeoff"),
        Isolate("people_calendar"),
        Isolate("people_busy"),
    ]
