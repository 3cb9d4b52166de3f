A callback's reply that is not sent because of its form is shown with the callback's name and the JSON key in the console and, as the event ``complaint``, in ``/rest/events``.
