"""The routes of the Django peer: those of "Getting started", and a protected one."""

from django.urls import path
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView


class Protected(APIView):
    """Says who asks."""

    permission_classes = [IsAuthenticated]  # noqa: RUF012 - as REST framework's documentation has it

    def get(self, request):
        return Response({"username": request.user.username})


urlpatterns = [
    path("api/token/", TokenObtainPairView.as_view(), name="token_obtain_pair"),
    path("api/token/refresh/", TokenRefreshView.as_view(), name="token_refresh"),
    path("protected/", Protected.as_view()),
]
