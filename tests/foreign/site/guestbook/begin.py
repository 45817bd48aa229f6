"""The first day: tables, the page about the house. Run once, with the environment of the web service."""

import django

django.setup()

from django.contrib.flatpages.models import FlatPage  # noqa: E402
from django.contrib.sites.models import Site  # noqa: E402
from django.core.management import call_command  # noqa: E402

call_command("migrate", run_syncdb=True, verbosity=0)
site = Site.objects.get(pk=1)
page = FlatPage.objects.create(url="/about/", title="The house", content="<p>An inn since 1874.</p>")
page.sites.add(site)
